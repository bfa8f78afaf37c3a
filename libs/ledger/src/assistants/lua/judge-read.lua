-- Whether a key that was read, and is not the published one, may be published: for `commit`, whose answers
-- these functions return. They return nil if it may.
--
-- @include assistants/adopted
-- @include assistants/is-key
-- @include assistants/observe
-- @include assistants/superseded
-- @include assistants/witness
-- @include orgs/accepted
-- @include orgs/change-limit
-- @include orgs/changes
-- @include orgs/hold-code
-- @include orgs/hold-org
-- @include scripts/call
-- @include scripts/encoded
-- @include scripts/number

-- This many reads have to agree, each later than the read lag after the one before, until a superseded key is
-- believed to be in force again.
local READS_FOR_ROLLBACK = 3
-- Two reads that say that there is no key may be this many times as far apart as they have to be.
local CONFIRMS_APART = 3

-- Reads what is known of an org before anything is written: it decides what may be published.
local function check_org_is_readable(org)
  local name = encoded(org_name(org))
  read('ZCARD', PREFIX .. ':assistants:' .. name)
  read('ZCARD', changes_key(org))
  for _, part in ipairs({ ':held', ':accepted', ':known', ':adopted:' .. name }) do
    read('HLEN', PREFIX .. part)
  end
end

-- Counts one more assistant of an org that has no key, or another one, without a rotation. The number of
-- known assistants is noted before any of them goes.
local function count_change(org, assistant_id, now_ms)
  write('HSETNX', PREFIX .. ':known', org, int(known_of(org)))
  write('ZADD', changes_key(org), int(now_ms), assistant_id)
  write('ZREMRANGEBYSCORE', changes_key(org), '-inf', int(now_ms - CHANGES_WINDOW_MS))
end

-- A key that another assistant of the org was read with is not published, not even if an operator has
-- accepted what reads say.
local function withhold_shared_key(version, org, now_ms)
  if not (is_key(version.state) and is_adopted_elsewhere(org, version.state, version.assistant_id)) then
    return nil
  end
  hold_org(org, 'KEYS_NOT_SHOWN', 2, known_of(org), now_ms)
  return answer.WITHHELD { code = 'KEYS_NOT_SHOWN' }
end

local function judge_superseded(version, held, org, now_ms)
  local _, count, wait_ms = observe(version.assistant, version.state, version.read_ms, version.lag_ms,
    math.huge)
  if count < READS_FOR_ROLLBACK then
    local note = cjson.encode({ since = math.floor(now_ms), org = org })
    write('HSETNX', PREFIX .. ':stale', version.assistant_id, note)
    return answer.STALE { version = held.version, wait_ms = int(wait_ms) }
  end
  return version.cause ~= 'rollback' and answer.CONFIRMED or nil
end

-- That there is no key is published only if several reads over the time `confirm_ms` agree.
local function judge_absence(version, org, now_ms)
  local gap_ms = version.lag_ms + CONFIRMS_APART * version.confirm_ms
  local agreed_ms, count = observe(version.assistant, version.state, version.read_ms, version.lag_ms, gap_ms)
  if version.confirm_ms == 0 or (agreed_ms >= version.confirm_ms and count >= 2) then return nil end
  if not is_state_accepted(org, version.state, now_ms) then
    count_change(org, version.assistant_id, now_ms)
  end
  return answer.UNCONFIRMED { wait_ms = int(math.max(version.confirm_ms - agreed_ms, version.lag_ms + 1, 1)) }
end

-- Too many changes hold the org.
local function judge_limit(version, held, org, now_ms)
  count_change(org, version.assistant_id, now_ms)
  local code = hold_code(org)
  if code then return answer.WITHHELD { code = code } end
  local limit, known_assistants = change_limit(org, version.max_percent)
  local changed = read('ZCARD', changes_key(org))
  if changed <= limit then
    local is_witnessed = version.witnessed_ms and version.read_ms >= version.witnessed_ms
    local needs_witness = not is_key(version.state) and not is_witnessed
    local witness = needs_witness and witness_of(org, version.assistant_id, tonumber(held.since) or 0,
      version.confirm_ms)
    return witness and answer.UNWITNESSED { witness = witness } or nil
  end
  code = is_key(version.state) and 'TOO_MANY_CHANGED'
    or version.state == 'deleted' and 'TOO_MANY_GONE' or 'TOO_MANY_WITHOUT_KEY'
  hold_org(org, code, changed, known_assistants, now_ms)
  return answer.WITHHELD { code = code }
end

-- `org`: the org whose limit counts, that is the one that the assistant was last published under.
local function judge_read(version, held, org, now_ms)
  check_org_is_readable(org)
  if not held.fingerprint then
    local shared = withhold_shared_key(version, org, now_ms)
    if shared then return shared end
    local code = not is_accepted(org, now_ms) and hold_code(org)
    return code and answer.WITHHELD { code = code } or nil
  end
  -- A moment that was noted before the clock was turned back counts as passed.
  local known = tonumber(held.known) or 0
  local doubted = known > now_ms + 60000 and 0 or known + version.lag_ms - version.read_ms
  if doubted > 0 then
    return answer.DOUBTED { wait_ms = int(math.max(math.min(doubted, version.lag_ms), 1)) }
  end

  if was_superseded(version.state, held.fingerprint, held.superseded or '') then
    return judge_superseded(version, held, org, now_ms)
  end
  local shared = withhold_shared_key(version, org, now_ms)
  if shared then return shared end
  -- A change is the purpose of a rotation, also of one whose response said that it did nothing. It does not
  -- count against the limit, unless the key before was seen in force long after it. A reason not to believe
  -- any key applies to this one too.
  local intent = tonumber(held.intent) or -1
  local is_asked_for = version.id ~= ''
    or (intent >= known and (tonumber(held.verified) or 0) < intent + CHANGES_WINDOW_MS)
  if is_asked_for and is_key(version.state) then
    local code = hold_code(org)
    return code == 'KEYS_NOT_SHOWN' and answer.WITHHELD { code = code } or nil
  end
  -- A key that comes back to an assistant without one replaces no other.
  if is_key(version.state) and not is_key(held.fingerprint) then return nil end
  local unconfirmed = not is_key(version.state) and judge_absence(version, org, now_ms)
  if unconfirmed then return unconfirmed end
  if is_state_accepted(org, version.state, now_ms) then return nil end
  return judge_limit(version, held, org, now_ms)
end

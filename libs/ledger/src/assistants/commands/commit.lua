#!lua flags=allow-oom
-- Publishes key versions, each by itself: current record, event, channel, and what becomes of the rotation.
-- Also where Redis is short of memory.
--
-- KEYS  of each key version: 1 the rotation (of a check: its assistant again)   2 the assistant   3 the current record   4 the open intents of the org
-- ARGV  1 prefix; then, of each key version (counted with the prefix): 2 rotation id, or '' of a check  3 epoch, which is the version  4 key state: fingerprint, `no-key` or `deleted`  5 cause
--       6 event text before its numbers (`seq`, `run`)  7 event text after it  8 length to keep the stream at
--       9 when it was committed, as the worker reckons Redis time for the event (ms)
--       10 what becomes of the rotation: `ends`; `satisfied`, its key is found but the landing window is still open; `goes-on`; or
--          the error code that it fails with
--       11 org id  12 org id percent-encoded  13 assistant id
--       14 when the read began (ms), '' where it is the answer to a POST  15 ms that a read may lag behind
--       16 ms after which the assistant is to be checked again, or ''  17 '1' to forget the unknown outcomes in a row
--       18 at which revision of the consumers it was sealed
--       19 for how many ms reads have to agree that there is no key before that is published
--       20 what share of an org's assistants may be found without their key, or with another one, before an operator has to decide (percent)
--       21 of an answer to a POST: `since` if its record says that it was changed since the POST left, `before` if it says that it was not, else ''.
--          Of what a rotation reads: `before` if the record was last changed before the rotation began
--       22 of what says that there is no key: when another assistant of the org was read with its key (ms), or ''
-- Returns {'DONE', {…}, …}, for each in order
--         {'COMMITTED', seq, entry of the stream}
--         {'ALREADY', seq}      the same commit arrived before (its answer was lost)
--         {'REFUSED', version}  the claim is another's, or a newer version is published: nothing was written. Of an answer to a
--                               POST: the assistant is read at once, for a key has been made that is not published
--         {'OLD', version}      the answer to a POST carries a key of before, or of another assistant: nothing was written. It proves nothing about the POST
--         {'STALE', version, ms}  what was read is a key that was superseded before. The read is noted; read again after that many ms
--         {'CONFIRMED'}         so it is, and enough reads agree that it is in force again: seal it anew with the cause `rollback`
--         {'BEFORE'}            so it is, but the key is older than the rotation that is to end with it: commit it again as one that `goes-on`
--         {'UNCONFIRMED', ms}   what was read says that there is no key. The read is noted; read again after that many ms
--         {'UNWITNESSED', id}   reads agree that there is no key. Read this other assistant of the org, and then this one again: if the other's key is not shown
--                               either, it is Invent that shows no keys, or another org's. A read from before the other's may belong to a time when Invent showed none
--         {'WITHHELD', code}    too much of the org has changed, or the org is held already: nothing is published until an operator decides
--         {'READERS'}           consumers were added or removed since: nothing was written
--         {'DOUBTED', ms}       what was read may be older than what is published; a read that begins after that many ms is not
--         {'BROKEN', error}     an entry of it has the wrong type: nothing was written
-- Keeps: versions of an assistant rise in the order of the stream; seq is dense; a rotation ends once. A read
-- says nothing against what has been known for a shorter time than reads may lag behind. One of the last five
-- superseded keys is published again only when several reads, each later than the lag after the one before,
-- agree on it. No key, or another key, is never published for more of an org at a time than its limit allows,
-- and never for an org that is held.
-- The lease does not matter: a 200 commits as long as the intent that it answers is open. Nor does it matter
-- that the ledger never heard of the claim, for it may have lost its last second: a 200 is then the only news
-- of a key that is in force.

local now_ms = math.floor(now_us() / 1000)
local readers = readers_revision()
prepare_event()

-- The org whose limit counts: the one that the assistant was last published under.
local function org_of(name, org)
  return name and decoded(name) or org
end

-- For how long reads that agree have been seen; and how long to wait for the next one, which is longer each
-- time. A read counts when it began later than the lag after the one before. Reads that are further apart
-- than the gap do not agree, for nobody knows what was so in between; after eight of them they do.
local function observe(key, state, read_ms, lag_ms, gap_ms)
  local seen = read('HMGET', key, 'seen', 'seen_since', 'seen_last', 'seen_count', 'seen_reads')
  local reads = math.min((tonumber(seen[5]) or 0) + 1, OBSERVED_READS)
  local since, last, count = tonumber(seen[2]), tonumber(seen[3]), tonumber(seen[4])
  if seen[1] ~= state or not (since and last and count) or last > read_ms + 60000 or (read_ms > last + gap_ms and reads < OBSERVED_READS) then
    since, last, count = read_ms, read_ms, 1
  elseif read_ms > last + lag_ms then
    last, count = read_ms, count + 1
  end
  write('HSET', key, 'seen', state, 'seen_since', int(since), 'seen_last', int(last), 'seen_count', count, 'seen_reads', reads)
  return read_ms - since, count, math.max(last + lag_ms - read_ms, 0) + lag_ms * (2 ^ (reads - 1) - 1) + 1
end

-- Two reads that say that there is no key may be this many times as far apart as they have to be.
local CONFIRMS_APART = 3

-- Another assistant of an org that is published with a key; nil if there is none. One that was first
-- published much later than this one may be of another org that Invent showed for a time: such a one only if
-- there is no other.
local WITNESSES_LOOKED_AT = 20
local FIRST_IMPORT_CONFIRMS = 20
local function witness_of(org, assistant, since_ms, confirm_ms)
  local newer
  for _, id in ipairs(read('ZRANDMEMBER', PREFIX .. ':assistants:' .. encoded(org), WITNESSES_LOOKED_AT)) do
    local other = id ~= assistant and redis.pcall('HMGET', PREFIX .. ':assistant:' .. encoded(id), 'fingerprint', 'since')
    if other and not other.err and is_key(other[1]) then
      if (tonumber(other[2]) or 0) <= since_ms + FIRST_IMPORT_CONFIRMS * confirm_ms then return id end
      newer = newer or id
    end
  end
  return newer
end

-- A key that another assistant of the org was read with is not published, not even if an operator has
-- accepted what reads say. Returns nil for any other.
local function withhold_shared_key(org, state, assistant, now_ms)
  if not (is_key(state) and is_adopted_elsewhere(org, state, assistant)) then return nil end
  hold_org(org, 'KEYS_NOT_SHOWN', 2, known_of(org), now_ms)
  return { 'WITHHELD', 'KEYS_NOT_SHOWN' }
end

-- Whether what was read, and is not what is published, may be published. Returns nothing if so, and else what
-- is answered.
local function judge_read(KEYS, ARGV, held, superseded, now_ms)
  local id, state, cause, assistant = ARGV[2], ARGV[4], ARGV[5], ARGV[13]
  local read_ms, lag_ms = tonumber(ARGV[14]), tonumber(ARGV[15])
  local org = org_of(held[9], ARGV[11])
  prove_org(org)
  if not held[6] then
    local shared = withhold_shared_key(org, state, assistant, now_ms)
    if shared then return shared end
    local code = not is_accepted(org, now_ms) and hold_of(org)
    return code and { 'WITHHELD', code } or nil
  end
  -- What a clock that has been turned back since has noted counts as passed.
  local known = tonumber(held[8]) or 0
  local doubted = known > now_ms + 60000 and 0 or known + lag_ms - read_ms
  if doubted > 0 then return { 'DOUBTED', int(math.max(math.min(doubted, lag_ms), 1)) } end

  if was_superseded(state, held[6], superseded) then
    local _, count, wait_ms = observe(KEYS[2], state, read_ms, lag_ms, math.huge)
    if count < READS_FOR_ROLLBACK then
      write('HSETNX', PREFIX .. ':stale', assistant, cjson.encode({ since = math.floor(now_ms), org = org }))
      return { 'STALE', held[4], int(wait_ms) }
    end
    return cause ~= 'rollback' and { 'CONFIRMED' } or nil
  end
  local shared = withhold_shared_key(org, state, assistant, now_ms)
  if shared then return shared end
  -- A change is what a rotation is for, also one whose answer said that it did nothing: it does not count
  -- against the limit, unless the key before was seen in force long after it. What cannot be believed of any
  -- key cannot be believed of this one.
  local intent = tonumber(held[11]) or -1
  local is_asked_for = id ~= '' or (intent >= known and (tonumber(held[12]) or 0) < intent + CHANGES_WINDOW_MS)
  if is_asked_for and is_key(state) then
    local code = hold_of(org)
    return code == 'KEYS_NOT_SHOWN' and { 'WITHHELD', code } or nil
  end
  -- A key that comes back to an assistant without one takes nothing from anybody.
  if is_key(state) and not is_key(held[6]) then return nil end

  if not is_key(state) then
    local confirm_ms = tonumber(ARGV[19])
    local agreed_ms, count = observe(KEYS[2], state, read_ms, lag_ms, lag_ms + CONFIRMS_APART * confirm_ms)
    if confirm_ms > 0 and (agreed_ms < confirm_ms or count < 2) then
      count_change(org, assistant, now_ms)
      return { 'UNCONFIRMED', int(math.max(confirm_ms - agreed_ms, lag_ms + 1, 1)) }
    end
  end
  if is_accepted(org, now_ms) then return nil end
  count_change(org, assistant, now_ms)
  local code = hold_of(org)
  if code then return { 'WITHHELD', code } end
  local limit, known_assistants = change_limit(org, tonumber(ARGV[20]))
  local changed = changes_of(org)
  if changed <= limit then
    local is_witnessed = ARGV[22] ~= '' and read_ms >= tonumber(ARGV[22])
    local witness = not is_key(state) and not is_witnessed and witness_of(org, assistant, tonumber(held[14]) or 0, tonumber(ARGV[19]))
    return witness and { 'UNWITNESSED', witness } or nil
  end
  code = is_key(state) and 'TOO_MANY_CHANGED' or state == 'deleted' and 'TOO_MANY_GONE' or 'TOO_MANY_WITHOUT_KEY'
  hold_org(org, code, changed, known_assistants, now_ms)
  return { 'WITHHELD', code }
end

local function commit(KEYS, ARGV)
  wrote = false
  local id, epoch, state, cause, becomes = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[10]
  local version = tonumber(epoch)

  local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch', 'intent_epoch', 'version', 'seq', 'fingerprint', 'superseded', 'known',
    'org', 'uncertain', 'intent', 'verified', 'seen', 'since')
  local published = tonumber(held[4]) or 0
  if published == version then return { 'ALREADY', held[5] } end

  local entitled
  if id == '' then
    entitled = not held[1] and held[2] == epoch
  else
    local lost_by_ledger = not held[1] and ARGV[14] == '' and version > (tonumber(held[2]) or 0)
    entitled = lost_by_ledger or (held[1] == id and (held[2] == epoch or held[3] == epoch))
  end
  if not entitled or version < published then
    if ARGV[14] == '' then request_check(ARGV[11], ARGV[13], now_ms) end
    return { 'REFUSED', int(published) }
  end

  local superseded, is_read, answer = held[7] or '', ARGV[14] ~= '', nil
  if not is_read then
    if held[6] and (held[6] == state or string.find(superseded, short(state), 1, true)) then return { 'OLD', int(published) } end
    local is_before, note = judge_answer(ARGV[11], state, ARGV[13], ARGV[21])
    if is_before then
      note_answer(ARGV[11], note)
      return { 'OLD', int(published) }
    end
    answer = note
  end
  if is_read and held[6] ~= state then
    local refusal = judge_read(KEYS, ARGV, held, superseded, now_ms)
    if refusal then return refusal end
    if ARGV[21] == 'before' and (becomes == 'ends' or becomes == 'satisfied') and notes_changes(ARGV[11]) then return { 'BEFORE' } end
  end
  -- One that came back is there already.
  if is_key(held[6]) and held[6] ~= state and string.sub(superseded, 1, 11) ~= short(held[6]) then
    superseded = string.sub(short(held[6]) .. ',' .. superseded, 1, 59)
  end

  if readers ~= ARGV[18] then return { 'READERS' } end
  local seq, event, entry = emit(ARGV[6], ARGV[7], ARGV[8])
  write('SET', KEYS[3], event)
  if answer then note_answer(ARGV[11], answer) end
  -- It was made before `known`, and whatever supersedes it is made after `verified`: a read that lags behind
  -- shows what was in force some time ago, and by the time that the answer to a POST is committed somebody
  -- may have rotated by hand: what counts is its intent.
  local verified = is_read and int(tonumber(ARGV[14]) - tonumber(ARGV[15])) or int(tonumber(held[11]) or 0)
  local facts = { 'version', epoch, 'fingerprint', state, 'seq', seq, 'known', int(now_ms), 'verified', verified, 'superseded', superseded, 'org', ARGV[12] }
  -- The earliest moment at which the key can have been made: whoever asked for a new one before has got it.
  -- One that came back after there was none may be as old as can be.
  local read_anew = is_read and held[6] and held[6] ~= state
  local rotated = not is_read and verified or read_anew and cause ~= 'rollback' and is_key(state) and is_key(held[6]) and held[12]
  if rotated then
    facts[#facts + 1], facts[#facts + 2] = 'rotated', rotated
  elseif read_anew then
    write('HDEL', KEYS[2], 'rotated')
  end
  if not held[6] then
    facts[#facts + 1], facts[#facts + 2] = 'since', int(now_ms)
  end
  write('HSET', KEYS[2], unpack(facts))
  if held[13] then forget_observation(KEYS[2], ARGV[13]) end
  if read_anew and cause == 'drift' then note_drift(ARGV[11], now_ms) end
  if is_read and is_key(state) and held[6] ~= state then note_adopted(org_of(held[9], ARGV[11]), state, ARGV[13]) end
  if cause == 'rollback' then
    -- What a rotation had found is in force no more.
    write('HDEL', KEYS[2], 'satisfied')
    write('ZADD', PREFIX .. ':rollbacks', int(now_ms), ARGV[13])
    write('ZREMRANGEBYRANK', PREFIX .. ':rollbacks', 0, -1001)
  end
  if held[9] ~= ARGV[12] then
    if held[9] then write('ZREM', PREFIX .. ':assistants:' .. held[9], ARGV[13]) end
    write('SADD', PREFIX .. ':orgs', ARGV[11])
  end
  if held[9] ~= ARGV[12] or held[6] == 'deleted' or id == '' then write('ZADD', PREFIX .. ':assistants:' .. ARGV[12], int(now_ms), ARGV[13]) end
  if held[10] then
    write('HDEL', KEYS[2], 'uncertain')
    write('HDEL', PREFIX .. ':uncertain', ARGV[13])
  end
  if ARGV[16] ~= '' then request_later_check(ARGV[11], ARGV[13], now_ms + tonumber(ARGV[16]), epoch) end
  if ARGV[17] == '1' then write('HDEL', PREFIX .. ':ledger', 'run:' .. ARGV[11], 'run_at:' .. ARGV[11]) end

  if becomes == 'satisfied' then
    write('HSET', KEYS[2], 'satisfied', epoch)
    write('HSET', KEYS[1], 'entry', entry)
    local bulk = read('HGET', KEYS[1], 'bulk')
    -- Without an index: it has not ended, but its entry is the newest of its bulk.
    if bulk then gathered[#gathered + 1] = { bulk = bulk, entry = entry } end
  elseif becomes == 'ends' then
    hand_back(KEYS[2], KEYS[4])
    finish(id, 'SUCCEEDED', ARGV[9], 'version', epoch, 'cause', cause, 'error', '', 'status', '', 'entry', entry)
  elseif becomes ~= 'goes-on' then
    hand_back(KEYS[2], KEYS[4])
    finish(id, 'FAILED', ARGV[9], 'error', becomes)
  end

  if state == 'deleted' then
    -- Kept for consumers to see, and then forgotten.
    write('ZREM', PREFIX .. ':assistants:' .. ARGV[12], ARGV[13])
    for _, key in ipairs({ KEYS[2], KEYS[3] }) do write('EXPIRE', key, 30 * 86400) end
  elseif held[6] == 'deleted' then
    write('PERSIST', KEYS[2])
  end
  return { 'COMMITTED', seq, entry }
end

local function broken(failure)
  return { 'BROKEN', type(failure) == 'table' and failure.err or tostring(failure) }
end

local KEYS_EACH, ARGS_EACH = 4, 21
local answers, ended = { 'DONE' }, {}
for i = 0, #KEYS / KEYS_EACH - 1 do
  gathered = {}
  local keys = { unpack(KEYS, i * KEYS_EACH + 1, (i + 1) * KEYS_EACH) }
  local whole, answer = pcall(commit, keys, { PREFIX, unpack(ARGV, i * ARGS_EACH + 2, (i + 1) * ARGS_EACH + 1) })
  answers[#answers + 1] = whole and answer or broken(answer)
  for _, item in ipairs(gathered) do
    local of = ended[item.bulk] or { answers = {} }
    of[#of + 1], of.answers[#of.answers + 1], of.entry = item.index, #answers, item.entry
    ended[item.bulk] = of
  end
end
for bulk, of in pairs(ended) do
  local told, failure = pcall(end_well, bulk, of, now_ms, of.entry)
  if not told then
    for _, at in ipairs(of.answers) do answers[at] = broken(failure) end
  end
end
return answers

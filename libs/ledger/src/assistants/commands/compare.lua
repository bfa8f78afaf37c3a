-- Compares what was read with what is published. What agrees is noted as in force. The words of the reply,
-- one for each record:
--   agrees
--   keyless   it has no key, and none was ever published: that does not say whose it is
--   unseen    it has a key, or may have one that is not shown, and none was ever published
--   differs
--   held      it differs, or was never published, but a rotation holds it and reads it itself
--   young     it differs, but what is published has not been known for longer than reads may lag behind
--   stale     it is a superseded key
--   unshown   it is known, and the record does not show its key
--   corrupt   the ledger's entry cannot be read
--
-- @arg read_ms number: when the read began
-- @arg lag_ms number: how far a read may lag behind
-- @each record
-- @key assistant
-- @arg assistant_id text
-- @arg state text?: the key state; absent if the record does not show its key
-- @reply COMPARED words text...
-- @include assistants/check
-- @include assistants/is-key
-- @include assistants/observation
-- @include assistants/superseded
-- @include orgs/changes
-- @include rotations/forget
-- @include rotations/orphan
-- @include scripts/call
-- @include scripts/decoded
-- @include scripts/number
-- @include scripts/reply-of
-- @include time/now
-- @include time/time-left

local now_ms = math.floor(now_us() / 1000)
local seen_ms = int(now_ms)
-- Consumers find records by these indexes, and another client can have removed something from them.
local listed_orgs = {}

-- Whether a rotation holds it that will close its intent.
local function is_driven(holder, lands)
  return holder and not is_orphaned(holder, tonumber(lands) or 0, now_ms)
end

local function compare(key, id, state)
  local failure, holder, version, fingerprint, superseded, verified, org, epoch, known, seen, uncertain,
    lands = try_fields(key)
  if failure then return 'corrupt' end
  if not version then
    if holder then return 'held' end
    if epoch then forget_if_never_published(key) end
    return (state == '' or is_key(state)) and 'unseen' or 'keyless'
  end
  if org and fingerprint ~= 'deleted' then
    listed_orgs[decoded(org)] = true
    write('ZADD', PREFIX .. ':assistants:' .. org, seen_ms, id)
  end
  if state == '' then return 'unshown' end
  if fingerprint == state then
    local verified_ms = math.min(read_ms - lag_ms, now_ms)
    if verified_ms > (tonumber(verified) or 0) then write('HSET', key, 'verified', int(verified_ms)) end
    if seen then
      forget_observation(key, id)
      if org then write('ZREM', changes_key(decoded(org)), id) end
    end
    -- Consumers were told that it is in doubt. If no rotation is about to tell them otherwise, the check
    -- does.
    if uncertain and org and not is_driven(holder, lands) then request_check(decoded(org), id, now_ms) end
    return 'agrees'
  end
  if is_driven(holder, lands) then return 'held' end
  if was_superseded(state, fingerprint, superseded or '') then return 'stale' end
  if time_left((tonumber(known) or 0) + lag_ms - read_ms, 0, lag_ms) > 0 then return 'young' end
  return 'differs'
end

local words = {}
for record = 1, record_count do
  words[record] = compare(record.assistant, record.assistant_id, record.state)
end
for org in pairs(listed_orgs) do write('SADD', PREFIX .. ':orgs', org) end
return reply.COMPARED { words = words }

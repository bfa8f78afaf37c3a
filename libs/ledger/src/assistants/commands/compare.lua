-- Compares what was read with what is published, and notes of those that agree that they were in force.
--
-- KEYS  the assistants
-- ARGV  1 prefix  2 when the read began (ms)  3 ms that a read may lag behind  4 how many records  5… for each: id, key state, '' if the record does not
--       show its key
-- Returns {'COMPARED', word, word, …}, one for each:
--   agrees
--   keyless   it has no key, and none was ever published: that says nothing of whose it is
--   unseen    it has a key, or may have one that is not shown, and none was ever published
--   differs
--   held      it differs, or was never published, but a rotation holds it and finds out itself
--   young     it differs, but what is published has not been known for longer than reads may lag behind
--   stale     it is a key that was superseded before
--   unshown   it is known, and the record does not show its key
--   corrupt   the ledger's entry cannot be read

local read_ms, lag_ms, count = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now_ms = math.floor(now_us() / 1000)
local seen_ms = int(now_ms)

-- Whether a rotation holds it that will hand it back.
local function is_driven(held)
  return held[1] and not is_orphaned(held[1], tonumber(held[11]) or 0, now_ms)
end

local function compare(key, id, state)
  local held = redis.pcall('HMGET', key, 'holder', 'version', 'fingerprint', 'superseded', 'verified', 'org', 'epoch', 'known', 'seen', 'uncertain', 'lands')
  if held.err then return 'corrupt' end
  if not held[2] then
    if held[1] then return 'held' end
    if held[7] then forget_if_never_published(key) end
    return (state == '' or is_key(state)) and 'unseen' or 'keyless'
  end
  if held[6] and held[3] ~= 'deleted' then write('ZADD', PREFIX .. ':assistants:' .. held[6], 'XX', seen_ms, id) end
  if state == '' then return 'unshown' end
  if held[3] == state then
    local verified = math.min(read_ms - lag_ms, now_ms)
    if verified > (tonumber(held[5]) or 0) then write('HSET', key, 'verified', int(verified)) end
    if held[9] then
      forget_observation(key, id)
      if held[6] then write('ZREM', changes_key(decoded(held[6])), id) end
    end
    -- Consumers were told that it is in doubt, and no rotation is about to tell them otherwise: the check
    -- does, if none is due.
    if held[10] and held[6] and not is_driven(held) then request_check(decoded(held[6]), id, now_ms) end
    return 'agrees'
  end
  if is_driven(held) then return 'held' end
  if was_superseded(state, held[3], held[4] or '') then return 'stale' end
  if left((tonumber(held[8]) or 0) + lag_ms - read_ms, 0, lag_ms) > 0 then return 'young' end
  return 'differs'
end

local reply = { 'COMPARED' }
for i = 1, count do reply[i + 1] = compare(KEYS[i], ARGV[3 + 2 * i], ARGV[4 + 2 * i]) end
return reply

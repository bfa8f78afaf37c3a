-- Takes the lock under which all sweeps run, and begins a sweep under it.
--
-- KEYS  1 the sweep   2 the lock   3 the sweeps that are QUEUED, by scope
-- ARGV  1 prefix  2 sweep id  3 token of this run  4 lease ms
-- Returns {'BEGUN', now ms, flat hash}   also where the same run began it before (its answer was lost)
--         {'BUSY', ms until the lease of the run that holds the lock lapses}
--         {'ENDED'}
--         {'MISSING'}
-- Keeps: two sweeps never run at once, as far as each saves within its lease. One that was RUNNING and whose
-- run is gone starts over: its counts are taken away, for what it had seen is not known.

local id, token, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])

local sweep = read('HMGET', KEYS[1], 'state', 'org')
if not sweep[1] then return { 'MISSING' } end
if sweep[1] ~= 'QUEUED' and sweep[1] ~= 'RUNNING' then return { 'ENDED' } end

local now_ms = math.floor(now_us() / 1000)
local lock = read('HMGET', KEYS[2], 'token', 'lease')
if lock[1] and lock[1] ~= token then
  local rest = left(tonumber(lock[2]) or 0, now_ms, lease_ms)
  if rest > 0 then return { 'BUSY', int(rest) } end
end

if read('HGET', KEYS[3], sweep[2]) == id then write('HDEL', KEYS[3], sweep[2]) end
write('HSET', KEYS[2], 'id', id, 'token', token, 'lease', int(now_ms + lease_ms))
if sweep[2] == '' then write('HSET', PREFIX .. ':ledger', 'sweep_begun', int(now_ms)) end
write('HDEL', KEYS[1], 'counts')
write('HSET', KEYS[1], 'state', 'RUNNING', 'token', token, 'started', int(now_ms), 'updated', int(now_ms))
return { 'BEGUN', int(now_ms), read('HGETALL', KEYS[1]) }

-- Notes on which Redis process the ledger is. Events belong to a new run whenever that is another one than
-- before: this Redis may know less.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 run id of the Redis process
-- Returns {'SAME', duties}
--         {'FIRST'}          no Redis was noted before: the ledger is new, or was lost
--         {'OTHER', duties}  another one was noted before: it was restarted, failed over or restored
--         duties: what was not done since for this Redis, of `compared rewritten`
-- Keeps: of several workers that ask at the same moment, one starts the run. A duty stays until a worker has
-- noted that it is done.

local facts = read('HMGET', KEYS[1], 'redis_run', 'compared_for', 'rewritten_for', 'event_run')
if not facts[1] then
  write('HSET', KEYS[1], 'redis_run', ARGV[2], 'compared_for', ARGV[2], 'rewritten_for', ARGV[2])
  return { 'FIRST', '' }
end
local duties = (facts[2] == ARGV[2] and '' or 'compared ') .. (facts[3] == ARGV[2] and '' or 'rewritten')
if facts[1] == ARGV[2] then return { 'SAME', duties } end
write('HSET', KEYS[1], 'redis_run', ARGV[2])
-- From then on only what has been read again is known to be so.
write('HSET', KEYS[1], 'restarted', int(math.floor(now_us() / 1000)))
begin_run(facts[4])
return { 'OTHER', duties }

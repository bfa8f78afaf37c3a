-- Notes on which Redis process the ledger is. Events belong to a new run whenever that is another one than before: this Redis may know less.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 run id of the Redis process
-- Returns {'SAME'}
--         {'FIRST'}  no Redis was noted before: the ledger is new, or was lost
--         {'OTHER'}  another one was noted before: it was restarted, failed over or restored
-- Keeps: of several workers that ask at the same moment, one starts the run.

local before = read('HGET', KEYS[1], 'redis_run')
if before == ARGV[2] then return { 'SAME' } end
write('HSET', KEYS[1], 'redis_run', ARGV[2])
if not before then return { 'FIRST' } end
-- From then on only what has been read again is known to be so.
write('HSET', KEYS[1], 'restarted', int(math.floor(now_us() / 1000)))
begin_run(read('HGET', KEYS[1], 'event_run'))
return { 'OTHER' }

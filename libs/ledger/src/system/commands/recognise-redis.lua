-- Notes on which Redis process the ledger is. On another one, events belong to a new run: this Redis may know
-- less.
--
-- Keeps: of several workers that ask at the same moment, one starts the run. A duty stays until a worker has
-- noted that it is done.
--
-- @key ledger: the ledger's own facts
-- @arg run_id text: of the Redis process
-- @reply SAME duties text?: of `compared` and `rewritten`, what no worker has done for this Redis
-- @reply FIRST: no Redis was noted before: the ledger is new, or was lost
-- @reply OTHER duties text?: Redis was restarted, failed over or restored
-- @include scripts/call
-- @include scripts/event-run
-- @include scripts/number
-- @include time/now

local redis_run, compared_for, rewritten_for, event_run = fields(ledger)
if not redis_run then
  write('HSET', ledger, 'redis_run', run_id, 'compared_for', run_id, 'rewritten_for', run_id)
  return reply.FIRST
end
local compared = compared_for == run_id and '' or 'compared '
local duties = compared .. (rewritten_for == run_id and '' or 'rewritten')
if redis_run == run_id then return reply.SAME { duties = duties } end
write('HSET', ledger, 'redis_run', run_id)
-- From then on only what has been read again is known.
write('HSET', ledger, 'restarted', int(math.floor(now_us() / 1000)))
begin_run(event_run)
return reply.OTHER { duties = duties }

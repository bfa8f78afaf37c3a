#!lua flags=allow-oom
-- Restarts the preparation of a bulk: ids and states that were saved before are deleted.
--
-- @key bulk
-- @key ids
-- @arg token text: of the worker
-- @reply SAVED
-- @reply LOST: the worker does not hold the task: nothing was written
-- @include bulks/task
-- @include scripts/call

if not holds_task(bulk, token, 'PREPARING') then return reply.LOST end
write('DEL', ids, bulk .. ':states')
write('HDEL', bulk, 'list')
return reply.SAVED

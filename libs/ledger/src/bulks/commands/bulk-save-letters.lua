#!lua flags=allow-oom
-- Saves states of assistants of a dry run, one after the other.
--
-- @key bulk
-- @arg token text: of the worker
-- @arg from digits
-- @arg letters text
-- @reply SAVED
-- @reply LOST: the worker does not hold the task: nothing was written
-- @include bulks/task
-- @include scripts/call

if not holds_task(bulk, token, 'PREPARING') then return reply.LOST end
write('SETRANGE', bulk .. ':states', from, letters)
return reply.SAVED

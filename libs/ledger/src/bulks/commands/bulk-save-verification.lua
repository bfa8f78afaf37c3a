#!lua flags=allow-oom
-- Saves what the comparison of a bulk has found, and ends the bulk if it is complete.
--
-- @key bulk
-- @arg id text
-- @arg token text: of the worker
-- @arg found text: JSON
-- @arg complete flag
-- @reply SAVED
-- @reply LOST: the worker does not hold the task: nothing was written
-- @include bulks/end
-- @include bulks/task
-- @include scripts/call
-- @include scripts/number
-- @include time/now

if not holds_task(bulk, token, 'VERIFYING') then return reply.LOST end
local now_ms = math.floor(now_us() / 1000)
if not complete then
  write('HSET', bulk, 'verification', found, 'updated', int(now_ms))
  return reply.SAVED
end
write('HSET', bulk, 'verification', found)
end_bulk(id, 'COMPLETED', '', now_ms)
return reply.SAVED

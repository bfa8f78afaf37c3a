#!lua flags=allow-oom
-- Fails a bulk that cannot be prepared.
--
-- @key bulk
-- @arg id text
-- @arg token text: of the worker
-- @arg code text
-- @arg list text?: what upstream's list held, as JSON
-- @reply SAVED
-- @reply LOST: the worker does not hold the task: nothing was written
-- @include bulks/end
-- @include bulks/task
-- @include scripts/call
-- @include time/now

if not holds_task(bulk, token, 'PREPARING') then return reply.LOST end
if list ~= '' then write('HSET', bulk, 'list', list) end
end_bulk(id, 'FAILED', code, math.floor(now_us() / 1000))
return reply.SAVED

#!lua flags=allow-oom
-- Ends the preparation of a bulk: all of its ids are saved, and it starts. With an incomplete list it halts
-- before its first assistant: an operator who resumes it accepts the assistants that were listed.
--
-- @key bulk
-- @key ids
-- @arg id text
-- @arg token text: of the worker
-- @arg total number
-- @arg requests digits: upstream requests that it takes
-- @arg takes_ms digits
-- @arg list text?: what upstream's list held, as JSON
-- @arg incomplete flag: the list is known to be incomplete
-- @reply SAVED
-- @reply LOST: the worker does not hold the task, or ids were lost with a Redis that failed over: nothing was
--   written
-- @include bulks/begin
-- @include bulks/stop
-- @include bulks/task
-- @include scripts/call
-- @include scripts/number
-- @include time/now

if not holds_task(bulk, token, 'PREPARING') then return reply.LOST end
if read('HLEN', ids) ~= math.ceil(total / 1000) then return reply.LOST end
local now_ms = math.floor(now_us() / 1000)
write('HSET', bulk, 'total', int(total), 'requests', requests, 'takes', takes_ms)
if list ~= '' then write('HSET', bulk, 'list', list) end
write('HDEL', bulk, 'task_token', 'task_until')
begin_bulk(id, total, now_ms)
if incomplete then stop_bulk(id, 'HALTED', 'LIST_INCOMPLETE', now_ms) end
return reply.SAVED

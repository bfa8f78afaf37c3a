#!lua flags=allow-oom
-- Ends a dry run: its total is the number of states.
--
-- @key bulk
-- @arg id text
-- @arg token text: of the worker
-- @arg requests digits: upstream requests that the bulk takes
-- @arg takes_ms digits
-- @arg list text?: what upstream's list held, as JSON
-- @reply SAVED
-- @reply LOST: the worker does not hold the task: nothing was written
-- @include bulks/end
-- @include bulks/task
-- @include scripts/call
-- @include time/now

if not holds_task(bulk, token, 'PREPARING') then return reply.LOST end
local now_ms = math.floor(now_us() / 1000)
local letters = read('GET', bulk .. ':states') or ''
local _, valid = string.gsub(letters, 'v', '')
if list ~= '' then write('HSET', bulk, 'list', list) end
write('HSET', bulk, 'total', #letters, 'requests', requests, 'takes', takes_ms, 'valid', valid,
  'failed', #letters - valid)
end_bulk(id, 'VALIDATED', '', now_ms)
return reply.SAVED

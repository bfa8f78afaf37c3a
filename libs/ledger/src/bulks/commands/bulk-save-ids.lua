#!lua flags=allow-oom
-- Saves a thousand ids of a bulk that is prepared.
--
-- @key bulk
-- @key ids
-- @arg token text: of the worker
-- @arg chunk digits
-- @arg text text: the ids, one a line
-- @arg count number: the number of ids
-- @reply SAVED
-- @reply LOST: the worker does not hold the task: nothing was written
-- @include bulks/task
-- @include scripts/call

if not holds_task(bulk, token, 'PREPARING') then return reply.LOST end
-- After an id with a line break, every id would be taken for another one.
local _, breaks = string.gsub(text, '\n', '')
if breaks + 1 ~= count then return redis.error_reply('ids must be one a line') end
write('HSET', ids, chunk, text)
return reply.SAVED

#!lua flags=allow-oom
-- Ends a draw of assistants. If any of them still waits, the draw is returned to be drawn again.
--
-- @key bulk
-- @arg from digits
-- @arg to digits
-- @arg token text: of the worker
-- @reply ENDED: none of them waits
-- @reply RETURNED: some wait
-- @reply LOST: another worker has it: nothing was written
-- @include scripts/call

local name = from .. ':' .. to
local drawn = read('HGET', bulk .. ':draws', name)
if not drawn or string.match(drawn, ' (%S+)$') ~= token then return reply.LOST end
local letters = read('GETRANGE', bulk .. ':states', from, tonumber(to) - 1)
write('HDEL', bulk .. ':draws', name)
if not string.find(letters, '.', 1, true) then return reply.ENDED end
write('RPUSH', bulk .. ':redo', name)
return reply.RETURNED

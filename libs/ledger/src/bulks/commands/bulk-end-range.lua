#!lua flags=allow-oom
-- Ends a draw of assistants. Those that still wait are to be drawn again.
--
-- KEYS  1 the bulk
-- ARGV  1 prefix  2 from  3 to  4 token of who drew it
-- Returns {'ENDED'}      none of them waits
--         {'RETURNED'}   some do
--         {'LOST'}       it is another's by now: nothing was written

local name = ARGV[2] .. ':' .. ARGV[3]
local draw_of = read('HGET', KEYS[1] .. ':draws', name)
if not draw_of or string.match(draw_of, ' (%S+)$') ~= ARGV[4] then return { 'LOST' } end
local states = read('GETRANGE', KEYS[1] .. ':states', ARGV[2], tonumber(ARGV[3]) - 1)
write('HDEL', KEYS[1] .. ':draws', name)
if not string.find(states, '.', 1, true) then return { 'ENDED' } end
write('RPUSH', KEYS[1] .. ':redo', name)
return { 'RETURNED' }

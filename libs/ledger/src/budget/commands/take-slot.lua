#!lua flags=allow-oom
-- Takes a request from the budget for a read.
--
-- KEYS  1 the request budget
-- ARGV  1 prefix  2 µs between two requests  3 lane: `first`, `bulk` or `sweep`  4 '1' where the slot that was kept has been waited for
-- Returns {'TAKEN'}
--         {'WAIT', ms, reserved}   not yet: ask again after so long. `reserved` is 1 where the slot is kept until then
-- Keeps: over any time, no more requests than the pace allows, but for two.

local free, wait, reserved = take_slot(KEYS[1], now_us(), tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1')
if free then return { 'TAKEN' } end
return { 'WAIT', string.format('%.3f', wait / 1000), reserved and '1' or '' }

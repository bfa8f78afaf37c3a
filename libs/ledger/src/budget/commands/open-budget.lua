#!lua flags=allow-oom
-- Opens a budget that upstream closed (429): a request that left since was answered otherwise, or an operator
-- says so. The pace begins at a tenth and is whole again within a minute, as after a refusal.
--
-- KEYS  1 the request budget
-- ARGV  1 prefix  2 how long ago the request left that was answered (ms), or '' of an operator
-- Returns {'OPENED'}
--         {'NOT_CLOSED'}
--         {'TOO_OLD'}   that request left before the budget was closed, and says nothing
-- Keeps: only an answer that is younger than the refusal opens a budget.

local SLOWEST = 0.1

local now = now_us()
local budget = read('HMGET', KEYS[1], 'closed_until', 'closed_at')
local closed_at = tonumber(budget[2]) or 0
if (tonumber(budget[1]) or 0) <= now / 1000 then return { 'NOT_CLOSED' } end
if ARGV[2] ~= '' and now - tonumber(ARGV[2]) * 1000 <= closed_at then return { 'TOO_OLD' } end
write('HDEL', KEYS[1], 'closed_until', 'closed_at', 'closed_since', 'probe_at')
write('HSET', KEYS[1], 'pace', SLOWEST, 'pace_at', int(now))
return { 'OPENED' }

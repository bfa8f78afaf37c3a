-- Changes fields of a policy, unless its term or expression is no longer the one that the change was checked
-- with.
--
-- KEYS  1 the policy
-- ARGV  1 prefix  2 every_days as it was read  3 window_cron as it was read  4… fields and values
-- Returns {'WRITTEN', flat hash}
--         {'CHANGED'}   another update came first: read, check and try again
--         {'MISSING'}
-- Keeps: term and expression of a policy fit each other. Of two updates, each keeps the fields that only it
-- names. A policy that was deleted meanwhile does not come back in part.

local stored = read('HMGET', KEYS[1], 'every_days', 'window_cron')
if not stored[1] then return { 'MISSING' } end
if stored[1] ~= ARGV[2] or stored[2] ~= ARGV[3] then return { 'CHANGED' } end
write('HSET', KEYS[1], 'updated', int(math.floor(now_us() / 1000)), unpack(ARGV, 4))
return { 'WRITTEN', read('HGETALL', KEYS[1]) }

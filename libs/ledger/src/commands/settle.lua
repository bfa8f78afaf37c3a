-- Ends a rotation whose key was found and published while its landing window was open, now that the window has passed and the key
-- was read again, unchanged.
--
-- KEYS  1 the rotation   2 its assistant
-- ARGV  1 prefix  2 rotation id  3 epoch  4 now ms, as the worker reckons Redis time from its claim
-- Returns {'SETTLED'} or {'REFUSED'} (the claim is another's, or nothing was found: nothing was written)

local id, epoch = ARGV[2], ARGV[3]

local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch', 'satisfied')
if held[1] ~= id or held[2] ~= epoch or not held[3] then return { 'REFUSED' } end

redis.call('HSET', KEYS[2], 'verified', ARGV[4])
hand_back(KEYS[2])
finish(id, 'SUCCEEDED', ARGV[4], 'version', held[3], 'cause', 'reconciliation', 'error', '', 'status', '')
return { 'SETTLED' }

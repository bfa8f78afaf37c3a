-- Ends a rotation that was certainly not done and will not be tried again.
--
-- KEYS  1 the rotation   2 its assistant
-- ARGV  1 prefix  2 rotation id  3 epoch  4 error code  5 upstream status or ''
-- Returns {'FAILED'} or {'REFUSED'} (the claim is another's: nothing was written)

local id, epoch = ARGV[2], ARGV[3]

local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch')
if held[1] ~= id or held[2] ~= epoch then return { 'REFUSED' } end

hand_back(KEYS[2])
forget_if_never_published(KEYS[2])
finish(id, 'FAILED', int(math.floor(now_us() / 1000)), 'error', ARGV[4], 'status', ARGV[5])
return { 'FAILED' }

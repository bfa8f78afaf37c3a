#!lua flags=allow-oom
-- Ends a rotation that was certainly not done and will not be tried again.
--
-- KEYS  1 the rotation   2 its assistant   3 the open intents of the org
-- ARGV  1 prefix  2 rotation id  3 epoch  4 error code  5 upstream status or ''  6 '1' to have the assistant read and compared
-- Returns {'FAILED'} or {'REFUSED'} (the claim is another's: nothing was written)

local id, epoch = ARGV[2], ARGV[3]

local held = read('HMGET', KEYS[2], 'holder', 'epoch', 'version', 'org')
if held[1] ~= id or held[2] ~= epoch then return { 'REFUSED' } end

local assistant = read('HGET', KEYS[1], 'assistant')
local now_ms = math.floor(now_us() / 1000)
hand_back(KEYS[2], KEYS[3])
if ARGV[6] == '1' and held[3] and assistant then
  -- Under the org that it was published under: the rotation may have been asked for with a wrong one.
  request_check(decoded(held[4]), assistant, now_ms)
end
forget_if_never_published(KEYS[2])
expire_if_deleted(KEYS[2])
finish(id, 'FAILED', int(now_ms), 'error', ARGV[4], 'status', ARGV[5])
return { 'FAILED' }

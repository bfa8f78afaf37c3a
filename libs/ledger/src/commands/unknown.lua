-- Notes that it is not known whether the POST of a rotation took effect. The intent stays open.
--
-- KEYS  1 the rotation   2 its assistant
-- ARGV  1 prefix  2 rotation id  3 epoch  4 upstream status or ''  5 ms until the assistant is read next
--       6 ms that the claim is kept on (0: handed back until then)
-- Returns {'NOTED'} or {'REFUSED'} (the claim is another's: nothing was written)

local id, epoch = ARGV[2], ARGV[3]

local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch')
if held[1] ~= id or held[2] ~= epoch then return { 'REFUSED' } end

local now_ms = math.floor(now_us() / 1000)
redis.call('HSET', KEYS[2], 'lease', int(now_ms + tonumber(ARGV[6])))
local rotation = redis.call('HMGET', KEYS[1], 'state', 'since')
move(id, 'RECONCILING', int(now_ms), 'since', rotation[1] == 'RECONCILING' and rotation[2] or int(now_ms),
  'next', int(now_ms + tonumber(ARGV[5])), 'error', 'OUTCOME_UNKNOWN', 'status', ARGV[4])
return { 'NOTED' }

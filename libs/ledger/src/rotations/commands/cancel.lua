-- Cancels a rotation that is still QUEUED.
--
-- KEYS  1 the rotation
-- ARGV  1 prefix  2 rotation id
-- (Its assistant's key comes from the rotation: the caller knows only the id.)
-- Returns {'CANCELLED', flat hash}   also where it was cancelled before
--         {'REFUSED', state}         it has started, or ended otherwise
--         {'MISSING'}

local id = ARGV[2]

local rotation = read('HMGET', KEYS[1], 'state', 'org', 'assistant_key')
local state = rotation[1]
if not state then return { 'MISSING' } end
if state == 'QUEUED' then
  local queued = 'queued:' .. rotation[2]
  if read('HGET', rotation[3], queued) == id then write('HDEL', rotation[3], queued) end
  finish(id, 'CANCELLED', int(math.floor(now_us() / 1000)))
  forget_if_never_published(rotation[3])
  expire_if_deleted(rotation[3])
elseif state ~= 'CANCELLED' then
  return { 'REFUSED', state }
end
return { 'CANCELLED', read('HGETALL', KEYS[1]) }

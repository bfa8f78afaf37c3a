-- Finds open rotations that no job carries any more: recorded while their gateway died before queuing them, or whose job was lost
-- or has failed.
--
-- KEYS  1 the index of open rotations
-- ARGV  1 prefix  2 look at those after this rotation id ('' for all)  3 how many to look at
--       4 only those that have not changed for so many ms  5… the queues, as BullMQ's keys begin
-- Returns {'LOOKED', last id looked at or '' at the end, id, org, assistant, id, org, assistant, …}

local after, count, quiet_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local function is_carried(id)
  for i = 5, #ARGV do
    if redis.call('EXISTS', ARGV[i] .. ':' .. id) == 1 and not redis.call('ZSCORE', ARGV[i] .. ':failed', id) then return true end
  end
  return false
end

local ids = redis.call('ZRANGE', KEYS[1], after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, count)
local now_ms = math.floor(now_us() / 1000)
local reply = { 'LOOKED', #ids < count and '' or ids[#ids] }
for _, id in ipairs(ids) do
  if not is_carried(id) then
    local rotation = redis.pcall('HMGET', rotation_key(id), 'updated', 'org', 'assistant')
    if rotation[1] == false then
      redis.call('ZREM', KEYS[1], id)
    elseif tonumber(rotation[1]) and math.abs(now_ms - tonumber(rotation[1])) >= quiet_ms then
      -- Changed long ago, or under a clock that has been turned back since.
      reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, rotation[2], rotation[3]
    end
  end
end
return reply

-- Bounds how many request ids are remembered: each call can bring another one, and each is kept for a day.
-- They are counted by the hour in which they came. If another client has spoilt the counts, counting begins
-- anew.
--
-- @include scripts/call
-- @include scripts/number

local MAX_REQUEST_IDS = 5000000
local KEPT_HOURS = 25

local function count_of(text)
  local count = tonumber(text or '') or 0
  return count >= 0 and count < 1e15 and count or 0
end

-- Whether another client has given the counts another type.
local function is_spoilt(counts)
  local kind = read('TYPE', counts).ok
  return kind ~= 'hash' and kind ~= 'none'
end

-- The ids that are remembered as an hour begins; and the counts of hours that are over.
local function read_counts(counts, hour)
  local total, gone = 0, {}
  local found = read('HGETALL', counts)
  for i = 1, #found, 2 do
    local of = tonumber(found[i])
    if of and of <= hour and of > hour - KEPT_HOURS then
      total = total + count_of(found[i + 1])
    else
      gone[#gone + 1] = found[i]
    end
  end
  return total, gone
end

-- Room for one more: what has to be written to count it; nil if there is none.
local function room_for_request_id(counts, now_ms, is_always)
  local hour = int(math.floor(now_ms / 3600000))
  local room = { counts = counts, hour = hour, total = 0, here = 0, gone = {}, is_spoilt = is_spoilt(counts) }
  if room.is_spoilt then return room end
  local of, total, here = unpack(read('HMGET', counts, 'hour', 'total', hour))
  if of == hour then
    room.total, room.here = count_of(total), count_of(here)
  else
    room.total, room.gone = read_counts(counts, tonumber(hour))
  end
  if room.total >= MAX_REQUEST_IDS and not is_always then return nil end
  return room
end

local function count_request_id(room)
  local counts, hour = room.counts, room.hour
  if room.is_spoilt then write('DEL', counts) end
  for i = 1, #room.gone, 1000 do
    write('HDEL', counts, unpack(room.gone, i, math.min(i + 999, #room.gone)))
  end
  write('HSET', counts, 'hour', hour, 'total', int(room.total + 1), hour, int(room.here + 1))
end

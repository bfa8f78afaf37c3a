-- Finds open rotations that no job carries any more: recorded while their gateway died before queuing them,
-- or whose job was lost, has failed, or was put off by a worker whose clock is wrong until long after the
-- rotation is due.
--
-- KEYS  1 the index of open rotations
-- ARGV  1 prefix  2 look at those after this rotation id ('' for all)  3 how many to look at
--       4 only those that have not changed for so many ms  5… the queues, as BullMQ's keys begin
-- Returns {'LOOKED', last id looked at or '' at the end, id, org, assistant, id, org, assistant, …}

local after, count, quiet_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now_ms = math.floor(now_us() / 1000)

-- BullMQ reckons delays by the clock of the worker, the ledger by Redis. Next reads are in the ledger; what
-- is QUEUED waits for an hour at the most, where upstream says so (Retry-After).
local function is_put_off_too_far(id, due_ms)
  if due_ms <= now_ms + 120000 then return false end
  local rotation = redis.pcall('HMGET', rotation_key(id), 'state', 'next')
  if rotation[1] == 'RECONCILING' then return due_ms > (tonumber(rotation[2]) or 0) + 120000 end
  return due_ms > now_ms + 2 * 3600000
end

local function is_carried(id)
  for i = 5, #ARGV do
    if read('EXISTS', ARGV[i] .. ':' .. id) == 1 and not read('ZSCORE', ARGV[i] .. ':failed', id) then
      -- A delayed job's score is its time in ms, times 4096.
      local score = read('ZSCORE', ARGV[i] .. ':delayed', id)
      if not score or not is_put_off_too_far(id, tonumber(score) / 4096) then return true end
    end
  end
  return false
end

local ids = read('ZRANGE', KEYS[1], after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, count)
local reply = { 'LOOKED', #ids < count and '' or ids[#ids] }
for _, id in ipairs(ids) do
  if not is_carried(id) then
    local rotation = redis.pcall('HMGET', rotation_key(id), 'updated', 'org', 'assistant')
    if rotation[1] == false then
      write('ZREM', KEYS[1], id)
    elseif tonumber(rotation[1]) and math.abs(now_ms - tonumber(rotation[1])) >= quiet_ms then
      -- Changed long ago, or under a clock that has been turned back since.
      reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, rotation[2], rotation[3]
    end
  end
end
return reply

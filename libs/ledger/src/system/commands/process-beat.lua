#!lua flags=allow-oom
-- Notes that a process is live, or that it ends.
--
-- Keeps: the number of entries is limited; a live process never makes room for another. An entry is
-- `SEEN STARTED LEASE ENDS JSON`, with times by Redis's clock.
--
-- @key processes
-- @arg id text
-- @arg lease_ms digits
-- @arg ends flag
-- @arg about text: what it is, as JSON
-- @arg limit number: how many processes are kept
-- @arg keep_ms number: how long an ended process is kept
-- @reply NOTED
-- @reply FULL: as many processes as are kept are live; this one is not noted
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local now_ms = math.floor(now_us() / 1000)

-- Another client can write any lease. Processes of Rekey report five times within theirs.
local LONGEST_LEASE_MS = 60000

local gone, count, started = {}, 0, nil
local entries = read('HGETALL', processes)
for i = 1, #entries, 2 do
  local seen, since, lease, has_left = string.match(entries[i + 1], '^(%d+) (%d+) (%d+) ([01]) ')
  seen = tonumber(seen)
  if entries[i] == id then
    started = since
  elseif not seen or seen > now_ms + 60000 or now_ms - seen > keep_ms then
    -- Unreadable, from before the clock was turned back, or old.
    write('HDEL', processes, entries[i])
  else
    count = count + 1
    if has_left == '1' or now_ms - seen > math.min(tonumber(lease), LONGEST_LEASE_MS) then
      gone[#gone + 1] = { id = entries[i], seen = seen }
    end
  end
end
if count >= limit then
  table.sort(gone, function(a, b) return a.seen < b.seen end)
  for i = 1, math.min(#gone, count + 1 - limit) do
    write('HDEL', processes, gone[i].id)
    count = count - 1
  end
  if count >= limit then return reply.FULL end
end
local entry = { int(now_ms), started or int(now_ms), lease_ms, ends and '1' or '0', about }
write('HSET', processes, id, table.concat(entry, ' '))
return reply.NOTED

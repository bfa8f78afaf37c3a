#!lua flags=allow-oom
-- Notes that a process lives, or that it ends.
--
-- KEYS  1 the processes
-- ARGV  1 prefix  2 process id  3 lease ms  4 '1' if it ends  5 what it is, as JSON  6 how many processes are kept  7 how long one is kept that is gone (ms)
-- Returns {'NOTED'}
--         {'FULL'}   as many processes as are kept are live; this one is not noted
-- Keeps: the number of entries is bounded; one that is live gives way to none. An entry is `SEEN STARTED
-- LEASE LEFT JSON`, times by Redis's clock.

local id, most, keep_ms = ARGV[2], tonumber(ARGV[6]), tonumber(ARGV[7])
local now_ms = math.floor(now_us() / 1000)

local gone, count, started = {}, 0, nil
local entries = read('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local seen, since, lease, left = string.match(entries[i + 1], '^(%d+) (%d+) (%d+) ([01]) ')
  seen = tonumber(seen)
  if entries[i] == id then
    started = since
  elseif not seen or seen > now_ms + 60000 or now_ms - seen > keep_ms then
    -- Unreadable, of a clock that has been turned back since, or of long ago.
    write('HDEL', KEYS[1], entries[i])
  else
    count = count + 1
    if left == '1' or now_ms - seen > tonumber(lease) then gone[#gone + 1] = { id = entries[i], seen = seen } end
  end
end
if count >= most then
  table.sort(gone, function(a, b) return a.seen < b.seen end)
  for i = 1, math.min(#gone, count + 1 - most) do
    write('HDEL', KEYS[1], gone[i].id)
    count = count - 1
  end
  if count >= most then return { 'FULL' } end
end
write('HSET', KEYS[1], id, int(now_ms) .. ' ' .. (started or int(now_ms)) .. ' ' .. ARGV[3] .. ' ' .. (ARGV[4] == '1' and '1' or '0') .. ' ' .. ARGV[5])
return { 'NOTED' }

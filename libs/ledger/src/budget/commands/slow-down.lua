#!lua flags=allow-oom
-- The upstream has refused a request for coming too soon (429): nobody sends for a while, and then everybody
-- more slowly; the pace recovers by itself within a minute.
--
-- KEYS  1 the request budget
-- ARGV  1 prefix  2 how long ago the refused request left (ms)  3 ms that upstream says to wait, or ''
-- Returns {'SLOWED'}
--         {'KNOWN'}   it left before the pace was last slowed down, and tells nothing new but how long to wait
-- Keeps: refusals of requests that were under way together slow the pace down once.

local SLOWER, SLOWEST = 0.7, 0.1
local QUIET_US = 60000000

local now = now_us()
local budget = read('HMGET', KEYS[1], 'closed_until', 'pace', 'pace_at', 'refusals', 'closed_at')
local pace_at = tonumber(budget[3]) or 0
if pace_at > now then pace_at = 0 end
local sent = now - tonumber(ARGV[2]) * 1000
local refusals = tonumber(budget[4]) or 0
local news = sent > pace_at
if news then
  local pace = math.min((tonumber(budget[2]) or 1) + (now - pace_at) / 60000000, 1)
  refusals = now - pace_at > QUIET_US and 1 or refusals + 1
  write('HSET', KEYS[1], 'pace', string.format('%.4f', math.max(pace * SLOWER, SLOWEST)), 'pace_at', int(now), 'refusals', int(refusals))
end
local wait_ms = ARGV[3] == '' and (news and math.min(1000 * 2 ^ (refusals - 1), 30000) or 0) or math.min(tonumber(ARGV[3]), 3600000)
local closed, closed_before = math.floor(now / 1000) + wait_ms, tonumber(budget[1]) or 0
-- One that lies farther ahead stays, but for one that was set under a clock that has been turned back since.
if closed > closed_before or closed_before > now / 1000 + 2 * 3600000 or (tonumber(budget[5]) or 0) > now + QUIET_US then
  if closed_before <= now / 1000 then write('HSET', KEYS[1], 'closed_since', int(now / 1000)) end
  write('HSET', KEYS[1], 'closed_until', int(closed), 'closed_at', int(now), 'probe_at', int(wait_ms > PROBED_BEYOND_MS and now + PROBE_US or closed * 1000))
end
return { news and 'SLOWED' or 'KNOWN' }

#!lua flags=allow-oom
-- The upstream has refused a request that came too soon (429). All requests wait for a while, and then leave
-- more slowly; the pace recovers within a minute.
--
-- Keeps: refusals of requests that were under way together slow the pace down once.
--
-- @key budget: the request budget
-- @arg age_ms number: how long ago the refused request left
-- @arg retry_after_ms number?: how long upstream says to wait
-- @reply SLOWED
-- @reply KNOWN: it left before the pace was last slowed down; only the time to wait is new
-- @include budget/probe
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local SLOWER, SLOWEST = 0.7, 0.1
local QUIET_US = 60000000

local now = now_us()
local closed_until, pace, pace_at, refusal_count, closed_at = fields(budget, { refusal_count = 'refusals' })
local slowed_at = tonumber(pace_at) or 0
if slowed_at > now then slowed_at = 0 end
local refusals = tonumber(refusal_count) or 0
local is_new = now - age_ms * 1000 > slowed_at
if is_new then
  local share = math.min((tonumber(pace) or 1) + (now - slowed_at) / 60000000, 1)
  refusals = now - slowed_at > QUIET_US and 1 or refusals + 1
  write('HSET', budget, 'pace', string.format('%.4f', math.max(share * SLOWER, SLOWEST)), 'pace_at', int(now),
    'refusals', int(refusals))
end
local own_wait_ms = is_new and math.min(1000 * 2 ^ (refusals - 1), 30000) or 0
local wait_ms = retry_after_ms and math.min(retry_after_ms, 3600000) or own_wait_ms
local closed, closed_before = math.floor(now / 1000) + wait_ms, tonumber(closed_until) or 0
-- A closure that lasts longer stays, except one that was set before the clock was turned back.
local is_from_other_clock = closed_before > now / 1000 + 2 * 3600000
  or (tonumber(closed_at) or 0) > now + QUIET_US
if closed > closed_before or is_from_other_clock then
  if closed_before <= now / 1000 then write('HSET', budget, 'closed_since', int(now / 1000)) end
  local probe_at = wait_ms > PROBED_BEYOND_MS and now + PROBE_US or closed * 1000
  write('HSET', budget, 'closed_until', int(closed), 'closed_at', int(now), 'probe_at', int(probe_at))
end
return is_new and reply.SLOWED or reply.KNOWN

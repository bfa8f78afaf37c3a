-- The time in µs since 1970, and whether the clock of Redis differs from what the caller expects. If it does,
-- no version is drawn and no claim is made. All other commands run; once the difference is too large for a
-- command that is merely late, they use the time that the caller expects.
--
-- @include time/redis-time

-- A command that waited for its connection runs later than its caller expected. A difference beyond this one
-- is a jump of the clock.
local LATE_MS = 60000

local function now_us()
  local now = redis_us()
  if EXPECTED_MS == '' then return now, false end
  local off_ms = math.abs(now / 1000 - tonumber(EXPECTED_MS))
  return off_ms > LATE_MS and 1000 * tonumber(EXPECTED_MS) or now, off_ms > tonumber(TOLERANCE_MS)
end

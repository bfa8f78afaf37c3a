-- The rate of a bulk: assistants a second that ended since the last measurement.
--
-- @include scripts/call
-- @include scripts/number

local RATE_EVERY_MS = 3000

local function done_of(key)
  local done = 0
  for _, count in ipairs(read('HMGET', key, 'succeeded', 'shared', 'failed', 'cancelled')) do
    done = done + (tonumber(count) or 0)
  end
  return done
end

-- A bulk that was stopped resumes.
local function restart_rate(key, now_ms)
  write('HSET', key, 'rate_at', int(now_ms), 'rate_done', done_of(key))
end

local function note_rate(key, now_ms)
  local rate_at, rate_done, started = fields(key)
  local done = done_of(key)
  local at = tonumber(rate_at) or tonumber(started)
  if not at or now_ms - at < RATE_EVERY_MS then return end
  local rate = 1000 * (done - (tonumber(rate_done) or 0)) / (now_ms - at)
  write('HSET', key, 'rate_at', int(now_ms), 'rate_done', done, 'rate', string.format('%.3f', rate))
end

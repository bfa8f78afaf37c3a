#!lua flags=allow-oom
-- A process checks the clock of Redis. The ledger keeps up to when that clock ran as expected, and whether it
-- has jumped.
--
-- Keeps: `clock` is a moment at which the clock of Redis was as expected. A jump is noted if Redis differs
-- both from what the caller expects and from `clock`: a caller whose own clock is wrong notes nothing.
--
-- @key ledger: the ledger's own facts
-- @arg what look|steady|jumped|adopt: `steady`: the caller's expectation was right so far; `jumped`: it was
--   not; `adopt`: the caller takes this clock as right
-- @arg expected_ms number?: the moment that the caller expects
-- @arg tolerance_ms number: by how much Redis may differ from it
-- @arg ahead_ms number: by how much Redis may be ahead of `clock`
-- @arg caller text: its name
-- @reply TIME now_ms number, past_ms number?, jump text?, noted flag: `past_ms`: the moment that the ledger
--   keeps. `jump`: the jump, as JSON. `noted`: this command has noted it
-- @include scripts/call
-- @include scripts/number
-- @include time/redis-time

local now_ms = math.floor(redis_us() / 1000)
local clock, clock_jump = fields(ledger)
local past, jump = tonumber(clock), clock_jump
local is_noted = false

local function is_expected()
  return math.abs(now_ms - expected_ms) <= tolerance_ms
end

if what == 'adopt' or (what == 'steady' and is_expected()) then
  write('HSET', ledger, 'clock', int(now_ms))
  if jump then write('HDEL', ledger, 'clock_jump') end
elseif what == 'jumped' and not jump and past and not is_expected()
  and (now_ms > past + ahead_ms or now_ms < past - tolerance_ms) then
  jump = string.format('{"since":%s,"offset_ms":%s,"noticed_by":%s}',
    int(expected_ms), int(now_ms - expected_ms), cjson.encode(caller))
  write('HSET', ledger, 'clock_jump', jump)
  is_noted = true
end
return reply.TIME { now_ms = int(now_ms), past_ms = past and int(past), jump = jump, noted = is_noted }

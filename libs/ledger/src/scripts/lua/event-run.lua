-- Starts a new run of events. Its number is Redis time in µs: unlike a counter it does not repeat if a backup
-- is restored twice.
--
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local function begin_run(before)
  local run = int(now_us())
  if run == before then run = int(now_us() + 1) end
  write('HSET', PREFIX .. ':ledger', 'event_run', run)
  return run
end

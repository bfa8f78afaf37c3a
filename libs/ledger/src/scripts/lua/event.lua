-- Adds events to the stream and the channel.
--
-- @include scripts/call
-- @include scripts/event-run
-- @include scripts/number
-- @include scripts/publish

-- Reads into `numbers` what the next events need: the last `seq`, and the run. A command that writes anything
-- before its first event calls this before that write.
local function prepare_event(numbers)
  local text = read('GET', PREFIX .. ':seq')
  numbers.seq = tonumber(text or 0)
  if not numbers.seq then error({ err = 'WRONGTYPE ' .. PREFIX .. ':seq holds no number' }) end
  read('XLEN', PREFIX .. ':events')
  numbers.run = read('HGET', PREFIX .. ':ledger', 'event_run')
end

-- Adds an event: its text before and after the numbers `seq` and `run`. Returns seq, the text, and the id of
-- the stream entry. Fails as Redis does: without its event nothing is published. A ledger whose run is
-- missing or no number starts one.
local function emit(numbers, head, tail, keep)
  if not numbers.seq then prepare_event(numbers) end
  local run = numbers.run
  if not (run and string.find(run, '^[1-9]%d*$') and tonumber(run) < 2 ^ 53) then
    run = begin_run(run)
    numbers.run = run
  end
  local seq = int(numbers.seq + 1)
  local event = head .. seq .. ',"run":' .. run .. tail
  local entry = redis.call('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)
  wrote, numbers.seq = true, numbers.seq + 1
  write('SET', PREFIX .. ':seq', seq)
  publish('events', event)
  return seq, event, entry
end

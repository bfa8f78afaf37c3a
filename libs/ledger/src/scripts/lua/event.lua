-- Adds events to the stream and the channel.
--
-- @include scripts/call
-- @include scripts/event-run
-- @include scripts/number
-- @include scripts/publish

-- The largest `seq` that consumers read exactly.
local MAX_SEQ = 2 ^ 53 - 1

-- Reads into `numbers` what the next events need: the last `seq`, and the run. A command that writes anything
-- before its first event calls this before that write. A `seq` that is no whole number, or has none after it,
-- was written by another client. Events then number from 1 again, in another run: consumers take a snapshot.
local function prepare_event(numbers)
  local text = read('GET', PREFIX .. ':seq') or '0'
  local is_number = text == '0' or string.find(text, '^[1-9]%d*$')
  numbers.starts_run = not is_number or tonumber(text) >= MAX_SEQ
  numbers.seq = numbers.starts_run and 0 or tonumber(text)
  read('XLEN', PREFIX .. ':events')
  numbers.run = read('HGET', PREFIX .. ':ledger', 'event_run')
end

-- Adds an event: its text before and after the numbers `seq` and `run`. Returns seq, the text, and the id of
-- the stream entry. Fails as Redis does: without its event nothing is published. A ledger whose run is
-- missing or no number starts one.
local function emit(numbers, head, tail, keep)
  if not numbers.seq then prepare_event(numbers) end
  local run = numbers.run
  local is_run = run and string.find(run, '^[1-9]%d*$') and tonumber(run) <= MAX_SEQ
  if numbers.starts_run or not is_run then
    run = begin_run(run)
    numbers.run, numbers.starts_run = run, false
  end
  local seq = int(numbers.seq + 1)
  local event = head .. seq .. ',"run":' .. run .. tail
  local entry = redis.call('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)
  wrote, numbers.seq = true, numbers.seq + 1
  write('SET', PREFIX .. ':seq', seq)
  publish('events', event)
  return seq, event, entry
end

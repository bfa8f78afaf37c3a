-- Adds events to the stream and the channels.
--
-- @include scripts/call
-- @include scripts/decoded
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

local function add_entry(event, keep)
  return redis.pcall('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)
end

-- Ids come from the clock of Redis, but never fall. Another client can add one from the future: all that
-- follow it are in the future too, and after the last possible id nothing can be added any more. So can a
-- clock that was turned back. `pcall`: this is the clock that draws the ids, whatever a process expects.
local FUTURE_MS = 60000
local function is_stream_spoilt(entry)
  if type(entry) == 'table' then return string.find(entry.err, 'last possible ID', 1, true) ~= nil end
  local time = redis.pcall('TIME')
  return tonumber(string.match(entry, '^%d+')) > 1000 * tonumber(time[1]) + FUTURE_MS
end

-- What an event is about, without what is sealed, for listeners that only want to know. In JSON text, a quote
-- within a value follows a backslash, so `","time"` ends the subject.
local function publish_hint(head, tail)
  local pattern = '"source":"([^"]*)","type":"([^"]*)","subject":(".-"),"time":'
  local source, kind, subject = string.match(head, pattern)
  if not source then return end
  local org = string.match(source, '^/orgs/([^/]+)/')
  local version = string.match(tail, ',"version":(%d+),')
  publish('hints', '{"subject":' .. subject .. ',"version":' .. (version or 'null')
    .. ',"type":"' .. kind .. '","org":' .. (org and cjson.encode(decoded(org)) or 'null') .. '}')
end

-- Adds an event: its text before and after the numbers `seq` and `run`. Returns seq, the text, and the id of
-- the stream entry. Fails as Redis does: without its event nothing is published. A ledger whose run is
-- missing or no number starts one. A stream with an id from the future is replaced by an empty one, with
-- another run: consumers take a snapshot.
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
  local entry = add_entry(event, keep)
  if is_stream_spoilt(entry) then
    redis.call('DEL', PREFIX .. ':events')
    wrote, seq = true, '1'
    write('HSET', PREFIX .. ':ledger', 'events_replaced', int(math.floor(now_us() / 1000)))
    run = begin_run(run)
    numbers.run, numbers.seq = run, 0
    event = head .. seq .. ',"run":' .. run .. tail
    entry = add_entry(event, keep)
  end
  -- The same once more, to fail as Redis does.
  if type(entry) == 'table' then
    entry = redis.call('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)
  end
  wrote, numbers.seq = true, numbers.seq + 1
  write('SET', PREFIX .. ':seq', seq)
  publish('events', event)
  publish_hint(head, tail)
  return seq, event, entry
end

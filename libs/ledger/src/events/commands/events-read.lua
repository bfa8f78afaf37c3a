-- Reads the stream of events, and where it ends. Leaves out the text of an entry that is too long to be an
-- event.
--
-- Keeps: what another client has written there costs the reader a bounded number of bytes.
--
-- The stream is no key of the script: a user who may only read it may then call this.
--
-- @arg from text: where to begin: an id, or `(` and an id for what comes after it; `-` or `+`
-- @arg back flag: towards older entries
-- @arg count number: how many entries to read; 0 for the end alone
-- @arg chars number: stop once the texts have as many bytes
-- @arg longest number: the bytes of the longest event
-- @reply READ redis_us number, last_id text, last_entry_id text, more flag, entries text...: the time of
--   Redis in µs; the last id that the stream has given, or '' if there is no stream; that of its last entry,
--   or 0-0; whether it stopped early; and of each entry the id, what its text is (`event`, `none` or `long`),
--   and the field `event`, or ''
-- @include scripts/call
-- @include scripts/stream-end
-- @include time/redis-time

local stream = PREFIX .. ':events'
local last_id, last_entry_id = '', '0-0'
-- What has another type makes XREVRANGE fail, as every reader of the stream does.
local last = read('XREVRANGE', PREFIX .. ':events', '+', '-', 'COUNT', 1)[1]
if last then last_entry_id = last[1] end
local info = redis.pcall('XINFO', 'STREAM', stream)
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last_id = info[i + 1] end
end

-- The field `event` of an entry.
local function event_of(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'event' then return fields[i + 1] end
  end
  return nil
end

local MAX_ENTRIES = 1000
local entries, length, more = {}, 0, false
for looked = 1, math.min(count, MAX_ENTRIES) do
  if is_stream_end(from, back) then break end
  local entry
  if back then
    entry = read('XREVRANGE', PREFIX .. ':events', from, '-', 'COUNT', 1)[1]
  else
    entry = read('XRANGE', PREFIX .. ':events', from, '+', 'COUNT', 1)[1]
  end
  if not entry then break end
  from = '(' .. entry[1]
  local event = event_of(entry[2])
  local kind = not event and 'none' or #event > longest and 'long' or 'event'
  local at = #entries
  entries[at + 1], entries[at + 2], entries[at + 3] = entry[1], kind, kind == 'event' and event or ''
  length = length + #entries[at + 3]
  more = looked == count or length >= chars or looked == MAX_ENTRIES
  if more then break end
end
return reply.READ { redis_us = redis_us(), last_id = last_id,
  last_entry_id = last_entry_id, more = more, entries = entries }

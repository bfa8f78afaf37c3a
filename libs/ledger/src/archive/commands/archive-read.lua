-- Reads a stream that is archived, in one direction, for the worker that archives.
--
-- Keeps: only the holder of the lock reads; what another client has written there costs a bounded number of
-- bytes, since the text of an entry that is too long does not leave Redis.
--
-- @key stream
-- @arg token text: of the holder of the lock
-- @arg from text: where to begin: an id, `(` and an id, `-` or `+`
-- @arg back flag: towards older entries
-- @arg count number: how many entries to read
-- @arg chars number: stop once they have as many bytes
-- @arg longest number: the bytes of the longest entry that is returned; one of very many fields is not
-- @reply READ length number, now_ms number, more flag, entries text...: the length of the stream; the time of
--   Redis; whether it stopped early; and of each entry the id, the bytes, the number of fields and values,
--   and these; or instead of them `0` and a digest (the SHA-1 of the SHA-1 of each, in hexadecimal)
-- @reply LOST: another worker has the lock
-- @include scripts/call
-- @include scripts/stream-end
-- @include time/redis-time

if read('GET', PREFIX .. ':archiving') ~= token then return reply.LOST end
-- A reply of more elements than this fails in Lua.
local MAX_ELEMENTS = 4000
local MAX_FIELDS = 2000
local entries, last, length, more = {}, 0, 0, false
local function add(text)
  last = last + 1
  entries[last] = text
end
for looked = 1, count do
  if is_stream_end(from, back) then break end
  local entry
  if back then
    entry = read('XREVRANGE', stream, from, '-', 'COUNT', 1)[1]
  else
    entry = read('XRANGE', stream, from, '+', 'COUNT', 1)[1]
  end
  if not entry then break end
  from = '(' .. entry[1]
  local fields, bytes = entry[2], 0
  for i = 1, #fields do bytes = bytes + #fields[i] end
  add(entry[1])
  add(string.format('%.0f', bytes))
  if bytes > longest or #fields > MAX_FIELDS then
    local digests = {}
    for i = 1, #fields do digests[i] = redis.sha1hex(fields[i]) end
    add('0')
    add(redis.sha1hex(table.concat(digests)))
  else
    add(tostring(#fields))
    for i = 1, #fields do add(fields[i]) end
  end
  length = length + bytes
  more = looked == count or length >= chars or last >= MAX_ELEMENTS
  if more then break end
end
local now_ms = math.floor(redis_us() / 1000)
return reply.READ { length = read('XLEN', stream), now_ms = now_ms, more = more, entries = entries }

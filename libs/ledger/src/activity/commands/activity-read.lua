-- Reads records of activity in one direction. Leaves out the texts of an entry that is too long to be a
-- record.
--
-- Keeps: what another client has written there costs the reader a bounded number of bytes.
--
-- The stream is no key of the script: a user who may only read it may then call this.
--
-- @arg from text: where to begin: an id, or `(` and an id for what comes after it; `-` or `+`
-- @arg to text: where to end, the same
-- @arg newest_first flag
-- @arg count number: how many entries to look at
-- @arg chars number: stop once the texts have as many bytes
-- @arg longest number: the bytes of the longest record
-- @reply READ now_ms number, ended flag, entries text...: the time of Redis; whether no entries remain; and
--   of each entry the id, the number of its texts, and these: names and values. No texts if it has too many;
--   -1 and none if it is too long
-- @include scripts/call
-- @include scripts/stream-end
-- @include time/redis-time

-- A list of 8,000 texts is as long as a reply of Lua may be.
local MAX_TEXTS, MAX_TEXTS_IN_ALL = 64, 4000
local begin, length, ended = from, 0, false
local entries = {}
for looked = 1, count do
  ended = is_stream_end(begin, newest_first) or is_stream_end(to, not newest_first)
  if ended then break end
  local entry
  if newest_first then
    entry = read('XREVRANGE', PREFIX .. ':activity', begin, to, 'COUNT', 1)[1]
  else
    entry = read('XRANGE', PREFIX .. ':activity', begin, to, 'COUNT', 1)[1]
  end
  ended = not entry
  if ended then break end
  begin = '(' .. entry[1]
  local texts, bytes = entry[2], 0
  for i = 1, #texts do bytes = bytes + #texts[i] end
  local shown = #texts > MAX_TEXTS and 0 or #texts
  if bytes > longest then shown = -1 end
  local last = #entries
  entries[last + 1], entries[last + 2] = entry[1], shown
  for i = 1, shown do entries[last + 2 + i] = texts[i] end
  length = length + bytes
  if length >= chars or #entries >= MAX_TEXTS_IN_ALL then break end
end
return reply.READ { now_ms = math.floor(redis_us() / 1000), ended = ended, entries = entries }

-- Trims a stream of acknowledgements, and lets it expire if no worker trims it any more. What is no stream
-- is deleted, and so is a stream whose last id is in the future, even if no such entry is there: nothing
-- could be added to it. Consumers report again within seconds.
--
-- @key acks: the stream
-- @arg keep digits: about how many entries to keep
-- @arg expire_ms digits
-- @reply TRIMMED
-- @reply DELETED
-- @include scripts/call
-- @include time/redis-time

local FUTURE_MS = 60000
local kind = read('TYPE', acks).ok
if kind == 'none' then return reply.TRIMMED end
local last_ms = 0
if kind == 'stream' then
  local facts = read('XINFO', 'STREAM', acks)
  for i = 1, #facts, 2 do
    if facts[i] == 'last-generated-id' then last_ms = tonumber(string.match(facts[i + 1], '^%d+')) end
  end
end
if kind ~= 'stream' or last_ms > redis_us() / 1000 + FUTURE_MS then
  write('DEL', acks)
  return reply.DELETED
end
-- Without LIMIT, 10,000 entries at most would be trimmed.
write('XTRIM', acks, 'MAXLEN', '~', keep, 'LIMIT', 0)
write('PEXPIRE', acks, expire_ms)
return reply.TRIMMED

-- Trims a stream of acknowledgements, and lets it expire if no worker trims it any more. What is no stream
-- is deleted, and so is a stream whose last id is in the future: nothing could be added to it. Consumers
-- report again within seconds.
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
local newest = kind == 'stream' and read('XREVRANGE', acks, '+', '-', 'COUNT', 1)[1]
local newest_ms = newest and tonumber(string.match(newest[1], '^%d+')) or 0
if kind ~= 'stream' or newest_ms > redis_us() / 1000 + FUTURE_MS then
  write('DEL', acks)
  return reply.DELETED
end
-- Without LIMIT, 10,000 entries at most would be trimmed.
write('XTRIM', acks, 'MAXLEN', '~', keep, 'LIMIT', 0)
write('PEXPIRE', acks, expire_ms)
return reply.TRIMMED

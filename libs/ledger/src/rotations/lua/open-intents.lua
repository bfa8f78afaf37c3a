-- The number of open intents of an org. At the limit, intents whose assistant was deleted from the ledger by
-- hand are removed: otherwise they would always count.
--
-- @include rotations/own-intents
-- @include scripts/call
-- @include scripts/number

local function open_intents(intents, limit, now_ms)
  intents = own_intents(intents)
  local open = read('ZCARD', intents)
  if open < limit then return open end
  for _, name in ipairs(read('ZRANGEBYSCORE', intents, '-inf', int(now_ms), 'LIMIT', 0, limit)) do
    if not redis.pcall('HGET', PREFIX .. ':assistant:' .. name, 'holder') then
      write('ZREM', intents, name)
    end
  end
  return read('ZCARD', intents)
end

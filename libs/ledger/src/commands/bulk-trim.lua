-- Forgets the bulk rotations that ended first: those that ended before a moment, and those over a count.
--
-- KEYS  1 those that have ended, by when
-- ARGV  1 prefix  2 everything that ended before this moment is forgotten (ms)  3 how many are kept
-- Returns {'TRIMMED', how many were forgotten}

local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local forgotten = 0
local oldest = redis.call('ZRANGE', KEYS[1], 0, 99, 'WITHSCORES')
for i = 1, #oldest, 2 do
  if forgotten >= over and tonumber(oldest[i + 1]) >= tonumber(ARGV[2]) then break end
  local key = bulk_key(oldest[i])
  redis.call('UNLINK', key, key .. ':ids', key .. ':states', key .. ':failures', key .. ':draws', key .. ':redo', key .. ':exclude')
  redis.call('ZREM', KEYS[1], oldest[i])
  redis.call('ZREM', PREFIX .. ':bulks', oldest[i])
  forgotten = forgotten + 1
end
return { 'TRIMMED', forgotten }

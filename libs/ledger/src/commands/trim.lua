-- Forgets the oldest ended rotations of one end state: those older than a rotation id, and those over a count.
--
-- KEYS  1 the index of the state
-- ARGV  1 prefix  2 the rotation id that everything older than is forgotten  3 how many are kept  4 how many to look at
-- Returns {'TRIMMED', how many were forgotten}

local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local forgotten = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[4]) - 1)) do
  if forgotten >= over and id >= ARGV[2] then break end
  redis.call('DEL', rotation_key(id))
  redis.call('ZREM', KEYS[1], id)
  forgotten = forgotten + 1
end
return { 'TRIMMED', forgotten }

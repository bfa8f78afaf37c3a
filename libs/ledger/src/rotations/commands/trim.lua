-- Forgets the oldest ended rotations of one end state: those older than a rotation id, and those over a
-- count.
--
-- KEYS  1 the index of the state
-- ARGV  1 prefix  2 the rotation id that everything older than is forgotten  3 how many are kept  4 how many to look at
-- Returns {'TRIMMED', how many were forgotten}

local over = read('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local forgotten = 0
for _, id in ipairs(read('ZRANGE', KEYS[1], 0, tonumber(ARGV[4]) - 1)) do
  if forgotten >= over and id >= ARGV[2] then break end
  write('DEL', rotation_key(id))
  write('ZREM', KEYS[1], id)
  forgotten = forgotten + 1
end
return { 'TRIMMED', forgotten }

-- Forgets the bulk rotations that ended first: those that ended before a moment, and those over a count. Of
-- the latter, those without assistants go first.
--
-- KEYS  1 those that have ended, by when   2 those of them that had no assistants
-- ARGV  1 prefix  2 everything that ended before this moment is forgotten (ms)  3 how many are kept
-- Returns {'TRIMMED', how many were forgotten}

local over = read('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local forgotten = 0
local function forget(id)
  local key = bulk_key(id)
  write('UNLINK', key, key .. ':ids', key .. ':states', key .. ':failures', key .. ':draws', key .. ':redo', key .. ':exclude')
  write('ZREM', KEYS[1], id)
  write('ZREM', KEYS[2], id)
  write('ZREM', PREFIX .. ':bulks', id)
  forgotten = forgotten + 1
end

if over > 0 then
  for _, id in ipairs(read('ZRANGE', KEYS[2], 0, math.min(over, 100) - 1)) do forget(id) end
end
local oldest = read('ZRANGE', KEYS[1], 0, 99, 'WITHSCORES')
for i = 1, #oldest, 2 do
  if forgotten >= over and tonumber(oldest[i + 1]) >= tonumber(ARGV[2]) then break end
  forget(oldest[i])
end
return { 'TRIMMED', forgotten }

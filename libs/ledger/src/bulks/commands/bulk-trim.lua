-- Deletes the bulk rotations that ended first: those that ended before a moment, and those beyond a count. Of
-- the latter, those without assistants go first.
--
-- @key ended: the ended bulks, by when
-- @key empty: the ended bulks that had no assistants
-- @arg ended_before_ms number
-- @arg keep number: how many are kept
-- @reply TRIMMED forgotten number: how many were deleted
-- @include bulks/bulk
-- @include scripts/call

-- Another client can name an open one here.
local ENDED = ' COMPLETED FAILED CANCELLED VALIDATED '
local function is_open(id)
  local state = redis.pcall('HGET', bulk_key(id), 'state')
  return type(state) == 'string' and not string.find(ENDED, ' ' .. state .. ' ', 1, true)
end

local over = read('ZCARD', ended) - keep
local forgotten = 0
local function forget(id)
  local key = bulk_key(id)
  if is_open(id) then
    write('ZREM', ended, id)
    write('ZREM', empty, id)
    return
  end
  write('UNLINK', key, key .. ':ids', key .. ':states', key .. ':failures', key .. ':draws', key .. ':redo',
    key .. ':exclude')
  write('ZREM', ended, id)
  write('ZREM', empty, id)
  write('ZREM', PREFIX .. ':bulks', id)
  forgotten = forgotten + 1
end

if over > 0 then
  for _, id in ipairs(read('ZRANGE', empty, 0, math.min(over, 100) - 1)) do forget(id) end
end
local oldest = read('ZRANGE', ended, 0, 99, 'WITHSCORES')
for i = 1, #oldest, 2 do
  if forgotten >= over and tonumber(oldest[i + 1]) >= ended_before_ms then break end
  forget(oldest[i])
end
return reply.TRIMMED { forgotten = forgotten }

-- Deletes the oldest ended rotations of one end state: those older than a rotation id, and those beyond a
-- count.
--
-- @key index: of the end state
-- @arg older_than text: the rotation id before which rotations are deleted
-- @arg keep number: how many rotations are kept
-- @arg count number: how many to look at
-- @reply TRIMMED forgotten number: how many were deleted
-- @include rotations/rotation
-- @include scripts/call

local over = read('ZCARD', index) - keep
local forgotten = 0
for _, id in ipairs(read('ZRANGE', index, 0, count - 1)) do
  if forgotten >= over and id >= older_than then break end
  write('DEL', rotation_key(id))
  write('ZREM', index, id)
  forgotten = forgotten + 1
end
return reply.TRIMMED { forgotten = forgotten }

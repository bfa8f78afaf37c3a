-- Reads fields of a hash: all of a short one, about `count` of a long one. Another client can have made a
-- name or a value so long that no process could take the reply: such a field is left out, and so is what
-- exceeds the length of a reply.
--
-- @key hash
-- @arg count number: how many at least, if there are more
-- @arg max_bytes number: the longest value
-- @reply FIELDS has_longer flag, pairs text...: each name and its value, in turn
-- @include scripts/call

local MAX_NAME_BYTES = 1100
local MAX_IN_ALL_BYTES = 8388608
local is_long = read('HLEN', hash) > 2 * count
local names = is_long and redis.call('HRANDFIELD', hash, count) or read('HKEYS', hash)
local found, has_longer, bytes = {}, false, 0
for _, name in ipairs(names) do
  local length = read('HSTRLEN', hash, name)
  if #name > MAX_NAME_BYTES or length > max_bytes then
    has_longer = true
  elseif bytes + length < MAX_IN_ALL_BYTES then
    bytes = bytes + length
    found[#found + 1], found[#found + 2] = name, read('HGET', hash, name)
  end
end
return reply.FIELDS { has_longer = has_longer, pairs = found }

-- Whether a rotation of this assistant is one that Rekey will end: it is in the index of open rotations. Another
-- client can write an entry that names any rotation, and the hash of one that no job and no index knows.
--
-- @include rotations/rotation

local function is_under_way(id, assistant)
  return redis.pcall('HGET', rotation_key(id), 'assistant_key') == assistant
    and redis.pcall('ZSCORE', PREFIX .. ':rotations:open', id) ~= false
end

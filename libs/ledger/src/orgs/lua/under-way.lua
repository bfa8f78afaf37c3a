-- Whether a rotation of this assistant is one that Rekey will end: it is in the index of open rotations.
-- Another client can write an entry that names any rotation, and the hash of one that no job and no index
-- knows; or give it another type.
--
-- @include rotations/rotation
-- @include scripts/call

local function is_under_way(id, assistant)
  local key = rotation_key(id)
  return read('TYPE', key).ok == 'hash' and read('HGET', key, 'assistant_key') == assistant
    and read('ZSCORE', PREFIX .. ':rotations:open', id) ~= false
end

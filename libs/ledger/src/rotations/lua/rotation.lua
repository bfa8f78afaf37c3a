-- The key of a rotation.

local function rotation_key(id)
  return PREFIX .. ':rotation:' .. id
end

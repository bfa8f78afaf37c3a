-- The key of a bulk rotation.

local function bulk_key(id)
  return PREFIX .. ':bulk:' .. id
end

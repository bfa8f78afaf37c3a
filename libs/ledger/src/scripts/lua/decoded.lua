-- An id whose percent-encoding is undone.

local function decoded(name)
  return (string.gsub(name, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

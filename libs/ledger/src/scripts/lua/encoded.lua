-- An id as it stands in a key: percent-encoded as by JavaScript's encodeURIComponent.

local function encoded(id)
  local function escape(byte) return string.format('%%%02X', string.byte(byte)) end
  return (string.gsub(id, "[^%w%-_.!~*'()]", escape))
end

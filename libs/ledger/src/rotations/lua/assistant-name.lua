-- The id of an assistant as it stands in its key: percent-encoded.

local function name_of(assistant)
  return string.sub(assistant, #PREFIX + #':assistant:' + 1)
end

-- Whether the state of a key is a fingerprint (KEYID:HASH), not `no-key` or `deleted`.

local function is_key(state)
  return state and string.find(state, ':', 1, true) ~= nil
end

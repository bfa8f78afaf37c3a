-- Whether a key was superseded by another. The ledger keeps the end of each of the last five fingerprints:
-- eleven characters of the hash tell a handful of keys apart, and five of them fit in a small hash.
--
-- @include assistants/is-key

local function short(fingerprint)
  return string.sub(fingerprint, -11)
end

-- While an assistant has no key, the first of the list is the key that it lost. That one may come back, for
-- example after Invent could not find the assistant for a while.
local function was_superseded(state, current, superseded)
  return is_key(state) and string.find(superseded, short(state), is_key(current) and 1 or 13, true) ~= nil
end

-- Another assistant of an org that is published with a key; nil if there is none. An assistant that was first
-- published much later may belong to another org that Invent showed for a time: it is taken only if there is
-- no other.
--
-- @include assistants/is-key
-- @include scripts/call
-- @include scripts/encoded
-- @include scripts/reply-of

local WITNESSES_LOOKED_AT = 20
local FIRST_IMPORT_CONFIRMS = 20

local function witness_of(org, assistant_id, since_ms, confirm_ms)
  local newer
  for _, id in ipairs(read('ZRANDMEMBER', PREFIX .. ':assistants:' .. encoded(org), WITNESSES_LOOKED_AT)) do
    if id ~= assistant_id then
      local key = PREFIX .. ':assistant:' .. encoded(id)
      local failure, fingerprint, since = try_fields(key)
      if not failure and is_key(fingerprint) then
        if (tonumber(since) or 0) <= since_ms + FIRST_IMPORT_CONFIRMS * confirm_ms then return id end
        newer = newer or id
      end
    end
  end
  return newer
end

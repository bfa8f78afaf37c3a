-- The failure of a reply, if any, and its elements: see `try_fields` in scripts/expand.ts.

local function reply_of(result)
  return result.err, unpack(result)
end

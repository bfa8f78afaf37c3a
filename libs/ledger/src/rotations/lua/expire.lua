-- Lets a deleted assistant expire once consumers have had time to see it; not while a rotation holds it.
--
-- @include scripts/call

local function expire_if_deleted(assistant)
  local fingerprint, holder = fields(assistant)
  if fingerprint == 'deleted' and not holder then write('EXPIRE', assistant, 30 * 86400) end
end

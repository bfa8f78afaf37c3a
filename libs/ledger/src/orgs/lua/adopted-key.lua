-- Keys that were lately found changed, each with its assistant.
--
-- @include orgs/org-name
-- @include scripts/encoded

local function adopted_key(org)
  return PREFIX .. ':adopted:' .. encoded(org_name(org))
end

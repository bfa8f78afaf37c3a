-- The assistants of an org that were lately found without their key, or with another one that no rotation
-- explains. Changes within the window count together.
--
-- @include orgs/org-name
-- @include scripts/encoded

local CHANGES_WINDOW_MS = 600000

local function changes_key(org)
  return PREFIX .. ':changes:' .. encoded(org_name(org))
end

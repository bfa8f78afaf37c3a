-- How many assistants of an org may change before an operator decides.
--
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/encoded

-- This many are always allowed, but never all of several.
local CHANGES_ALLOWED = 3

-- The number of known assistants of an org at the end of its last sweep; without a sweep, the number now.
local function known_of(org)
  org = org_name(org)
  return tonumber(read('HGET', PREFIX .. ':known', org))
    or read('ZCARD', PREFIX .. ':assistants:' .. encoded(org))
end

local function change_limit(org, percent)
  local known = known_of(org)
  local limit = math.max(CHANGES_ALLOWED, math.floor(known * percent / 100))
  return known > 1 and percent < 100 and math.min(limit, known - 1) or limit, known
end

-- The key of an org's open intents, from the key that a process names: `c` is translated.
--
-- @include orgs/org-name
-- @include scripts/encoded

local function own_intents(intents)
  if intents ~= PREFIX .. ':intents:c' then return intents end
  return PREFIX .. ':intents:' .. encoded(org_name('c'))
end

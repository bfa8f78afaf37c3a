-- The index of the open rotations of an org, without those of bulk rotations: callers ask for these one by
-- one, and an org may have a limited number of them.
--
-- @include scripts/encoded

local function open_of_org(org)
  return PREFIX .. ':rotations:open:' .. encoded(org)
end

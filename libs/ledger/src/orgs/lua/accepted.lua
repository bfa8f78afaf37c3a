-- Whether an operator has accepted, a short time ago, what reads say of an org.
--
-- @include scripts/call
-- @include orgs/org-name
-- @include time/time-left

local function is_accepted(org, now_ms)
  local until_ms = tonumber(read('HGET', PREFIX .. ':accepted', org_name(org)))
  return until_ms ~= nil and time_left(until_ms, now_ms, 3600000) > 0
end

-- Whether an operator has accepted, a short time ago, what reads say of an org, and which kinds of changes.
-- An entry is the moment until which that holds, and the reasons of the holds that were accepted.
--
-- @include assistants/is-key
-- @include scripts/call
-- @include orgs/org-name
-- @include time/time-left

-- The reasons as text; nil if nothing is accepted now.
local function accepted_codes(org, now_ms)
  local entry = read('HGET', PREFIX .. ':accepted', org_name(org)) or ''
  local until_ms, codes = string.match(entry, '^(%d+)(.*)$')
  return until_ms and time_left(tonumber(until_ms), now_ms, 3600000) > 0 and codes or nil
end

local function has_code(codes, code)
  return string.find(codes .. ' ', ' ' .. code .. ' ', 1, true) ~= nil
end

local function is_accepted(org, now_ms)
  return accepted_codes(org, now_ms) ~= nil
end

-- Whether what was accepted includes this state of an assistant: the operator was told the reason of the
-- hold, and nothing of another kind. An entry without reasons is of an earlier version and includes all.
local function is_state_accepted(org, state, now_ms)
  local codes = accepted_codes(org, now_ms)
  if not codes or codes == '' then return codes ~= nil end
  if is_key(state) then return has_code(codes, 'TOO_MANY_CHANGED') end
  if state == 'deleted' then return has_code(codes, 'TOO_MANY_GONE') or has_code(codes, 'ORG_CHANGED') end
  return has_code(codes, 'TOO_MANY_WITHOUT_KEY')
end

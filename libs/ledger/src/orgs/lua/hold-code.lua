-- Why an org is held; nil if it is not. An entry that cannot be read holds the org too: an operator has to
-- look at it.
--
-- @include scripts/call
-- @include orgs/org-name

local function hold_code(org)
  local text = read('HGET', PREFIX .. ':held', org_name(org))
  if not text then return nil end
  local is_json, hold = pcall(cjson.decode, text)
  return is_json and type(hold) == 'table' and type(hold.code) == 'string' and hold.code or 'KEYS_NOT_SHOWN'
end

-- Holds an org: until reads agree with the ledger again or an operator accepts them, nothing is published
-- because of reads alone except what confirms the published key. Bulk rotations of the org halt: without an
-- operator's decision no more keys are replaced in an org whose reads cannot be trusted.
--
-- @include activity/record
-- @include scripts/call
-- @include orgs/org-name
-- @include orgs/halt-bulks

local function hold_org(org, code, affected, known, now_ms)
  org = org_name(org)
  local is_new = read('HEXISTS', PREFIX .. ':held', org) == 0
  if is_new then halt_bulks_of(org, code, now_ms) end
  local hold = cjson.encode({ since = math.floor(now_ms), code = code, affected = affected, known = known })
  write('HSET', PREFIX .. ':held', org, hold)
  if is_new then
    record_activity('system:checks', 'org.held', 'org', org, 'target', 'org:' .. org, 'reason', code,
      'after', hold)
  end
end

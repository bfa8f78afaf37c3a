-- Halts the running bulk rotations of an org.
--
-- @include bulks/bulk
-- @include bulks/stop
-- @include orgs/org-name
-- @include scripts/call

local function halt_bulks_of(org, why, now_ms)
  org = org_name(org)
  for _, id in ipairs(read('ZRANGE', PREFIX .. ':bulks:active', 0, -1)) do
    local bulk_state, bulk_org = fields(bulk_key(id), { bulk_state = 'state', bulk_org = 'org' })
    if bulk_state == 'RUNNING' and bulk_org and org_name(bulk_org) == org then
      stop_bulk(id, 'HALTED', why, now_ms)
    end
  end
end

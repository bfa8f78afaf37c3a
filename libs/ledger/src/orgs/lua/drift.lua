-- Counts a key that was replaced outside of Rekey. Many of them in a short time halt the bulk rotations of
-- the org: two deployments on one org would overwrite each other's keys.
--
-- @include scripts/call
-- @include scripts/number
-- @include orgs/org-name
-- @include orgs/halt-bulks

local DRIFT_WINDOW_MS, DRIFT_STORM = 600000, 50

local function note_drift(org, now_ms)
  local ledger = PREFIX .. ':ledger'
  org = org_name(org)
  local since = tonumber(read('HGET', ledger, 'drift_at:' .. org))
  if not since or math.abs(now_ms - since) > DRIFT_WINDOW_MS then
    write('HSET', ledger, 'drift_at:' .. org, int(now_ms), 'drift:' .. org, 0)
  end
  if write('HINCRBY', ledger, 'drift:' .. org, 1) > DRIFT_STORM then
    halt_bulks_of(org, 'DRIFT_STORM', now_ms)
  end
end

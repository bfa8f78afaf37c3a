-- Cancels a bulk; while rotations are open it is CANCELLING. `actor`: who cancels it; nil if its window has
-- closed.
--
-- @include activity/record
-- @include bulks/bulk
-- @include bulks/end
-- @include scripts/call
-- @include scripts/number

local function cancel_bulk(id, why, open, now_ms, actor)
  local before, org = fields(bulk_key(id), { before = 'state' })
  write('HSET', bulk_key(id), 'state', 'CANCELLING', 'why', why, 'updated', int(now_ms))
  write('ZREM', PREFIX .. ':bulks:active', id)
  record_activity(actor or 'system:bulk', 'bulk.cancelled', 'org', org, 'target', 'bulkRotation:' .. id,
    'reason', why, 'before', before, 'after', 'CANCELLING')
  if open <= 0 then end_bulk(id, 'CANCELLED', why, now_ms) end
end

-- Whether the window in which a bulk may run has ended. The bulk is then cancelled.
local function is_window_closed(id, until_text, open, now_ms)
  local until_ms = tonumber(until_text or '')
  if not until_ms or now_ms <= until_ms then return false end
  cancel_bulk(id, 'WINDOW_CLOSED', tonumber(open) or 0, now_ms)
  return true
end

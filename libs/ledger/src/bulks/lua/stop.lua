-- Pauses or halts a bulk: it needs an operator. Rotations in flight finish. `actor`: who pauses it; nil if
-- it stops itself.
--
-- @include activity/record
-- @include bulks/bulk
-- @include scripts/call
-- @include scripts/number
-- @include scripts/publish

local function stop_bulk(id, to, why, now_ms, actor)
  local before, org = fields(bulk_key(id), { before = 'state' })
  write('HSET', bulk_key(id), 'state', to, 'why', why, 'updated', int(now_ms))
  write('HDEL', bulk_key(id), 'rate')
  write('ZREM', PREFIX .. ':bulks:active', id)
  publish('bulk-changed', id)
  record_activity(actor or 'system:bulk', to == 'HALTED' and 'bulk.halted' or 'bulk.paused', 'org', org,
    'target', 'bulkRotation:' .. id, 'reason', why, 'before', before, 'after', to)
end

-- Pauses or halts a bulk: it needs an operator. Rotations in flight finish.
--
-- @include bulks/bulk
-- @include scripts/call
-- @include scripts/number
-- @include scripts/publish

local function stop_bulk(id, to, why, now_ms)
  write('HSET', bulk_key(id), 'state', to, 'why', why, 'updated', int(now_ms))
  write('HDEL', bulk_key(id), 'rate')
  write('ZREM', PREFIX .. ':bulks:active', id)
  publish('bulk-changed', id)
end

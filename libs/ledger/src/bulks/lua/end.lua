-- Ends a bulk.
--
-- @include activity/record
-- @include bulks/bulk
-- @include scripts/call
-- @include scripts/number
-- @include scripts/publish

local function end_bulk(id, to, why, now_ms)
  local key = bulk_key(id)
  local before, org = fields(key, { before = 'state' })
  write('HSET', key, 'state', to, 'why', why, 'updated', int(now_ms), 'ended', int(now_ms))
  write('HDEL', key, 'task_token', 'task_until')
  write('ZREM', PREFIX .. ':bulks:active', id)
  write('ZADD', PREFIX .. ':bulks:ended', int(now_ms), id)
  -- Most windows of a policy have no assistants: their bulks are trimmed first.
  if (tonumber(read('HGET', key, 'total')) or 0) == 0 then
    write('ZADD', PREFIX .. ':bulks:empty', int(now_ms), id)
  end
  write('DEL', key .. ':draws', key .. ':redo', key .. ':exclude')
  publish('bulk-changed', id)
  record_activity('system:bulk', 'bulk.ended', 'org', org, 'target', 'bulkRotation:' .. id, 'reason', why,
    'before', before, 'after', to)
end

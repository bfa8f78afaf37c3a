-- Starts a bulk: all of its ids are known.
--
-- @include bulks/bulk
-- @include bulks/settle
-- @include scripts/call
-- @include scripts/number
-- @include scripts/publish

local function begin_bulk(id, total, now_ms)
  local key = bulk_key(id)
  local canary_text, limit_count, limit_percent = fields(key, { canary_text = 'canary' })
  local canary, percent = tonumber(canary_text), tonumber(limit_percent)
  local allowed = percent and math.ceil(total * percent / 100) or tonumber(limit_count) or total
  if total > 0 then write('SET', key .. ':states', string.rep('.', total)) end
  local limit = canary and math.min(canary, total) or total
  write('HSET', key, 'state', 'RUNNING', 'prepared', '1', 'cursor', 0, 'limit', limit, 'allowed', allowed,
    'open', 0, 'updated', int(now_ms))
  publish('bulk-changed', id)
  settle_bulk(id, now_ms)
end

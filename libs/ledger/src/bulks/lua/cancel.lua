-- Cancels a bulk; while rotations are open it is CANCELLING.
--
-- @include bulks/bulk
-- @include bulks/end
-- @include scripts/call
-- @include scripts/number

local function cancel_bulk(id, why, open, now_ms)
  if open > 0 then
    write('HSET', bulk_key(id), 'state', 'CANCELLING', 'why', why, 'updated', int(now_ms))
    write('ZREM', PREFIX .. ':bulks:active', id)
  else
    end_bulk(id, 'CANCELLED', why, now_ms)
  end
end

-- Whether the window in which a bulk may run has ended. The bulk is then cancelled.
local function is_window_closed(id, until_text, open, now_ms)
  local until_ms = tonumber(until_text or '')
  if not until_ms or now_ms <= until_ms then return false end
  cancel_bulk(id, 'WINDOW_CLOSED', tonumber(open) or 0, now_ms)
  return true
end

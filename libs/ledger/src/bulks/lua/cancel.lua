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

-- The outcome of a rotation of a bulk is unknown. If its worker is gone, that says nothing about upstream and
-- does not count against the bulk. If the response was lost, it counts as a possible failure. If the key
-- cannot be read back either, UNREAD_IN_A_ROW times without a success, the bulk halts.
--
-- @include bulks/bulk
-- @include bulks/settle
-- @include bulks/stop
-- @include rotations/rotation
-- @include scripts/call

local UNREAD_IN_A_ROW = 10

local function note_unknown_item(id, bulk, is_new, is_gone, read_error, now_ms)
  local key = bulk_key(bulk)
  if read('EXISTS', key) == 0 then return end
  if is_new then
    write('HSET', rotation_key(id), 'counted', is_gone and 'gone' or 'lost')
    write('HINCRBY', key, 'unknown', 1)
    if not is_gone then
      write('HINCRBY', key, 'lost', 1)
      settle_bulk(bulk, now_ms)
    end
  end
  -- It was read; or the budget had no request for a read.
  if read_error == '' or read_error == 'NO_SECRET_KEY' or read_error == 'STALE_READ' then
    if not is_new then write('HDEL', key, 'unread') end
    return
  end
  if read_error == 'UPSTREAM_RATE_LIMITED' then return end
  if write('HINCRBY', key, 'unread', 1) >= UNREAD_IN_A_ROW and read('HGET', key, 'state') == 'RUNNING' then
    stop_bulk(bulk, 'HALTED', 'READS_FAIL', now_ms)
  end
end

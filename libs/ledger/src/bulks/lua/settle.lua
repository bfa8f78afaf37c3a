-- Changes the state of a bulk if its counts require it: too many failures, the canary is done, or all
-- assistants have ended.
--
-- @include bulks/activate
-- @include bulks/bulk
-- @include bulks/end
-- @include bulks/stop
-- @include scripts/call
-- @include scripts/number

-- All assistants up to the limit have ended: the canary is done, or the limit was the total.
local function settle_canary(id, key, total, failed, continues, awaits, now_ms)
  if continues ~= '1' or failed > 0 then return stop_bulk(id, 'PAUSED', 'CANARY_DONE', now_ms) end
  if awaits ~= '1' then return write('HSET', key, 'limit', total) end
  write('SADD', PREFIX .. ':bulks:awaiting', id)
  stop_bulk(id, 'PAUSED', 'CANARY_AWAITS_CONSUMERS', now_ms)
end

local function settle_bulk(id, now_ms)
  local key = bulk_key(id)
  local state, total, limit, succeeded, shared, failed, cancelled, open, lost, allowed, forgiven,
    canary_continues, urgent, created, canary_awaits = fields(key)
  if state == 'CANCELLING' then
    if (tonumber(open) or 0) == 0 then end_bulk(id, 'CANCELLED', read('HGET', key, 'why'), now_ms) end
    return
  end
  if state ~= 'RUNNING' and state ~= 'PAUSED' and state ~= 'HALTED' then return end
  local function n(text) return tonumber(text) or 0 end
  local done, failures = n(succeeded) + n(shared) + n(failed) + n(cancelled), n(failed) + n(lost)
  if done >= n(total) and n(open) == 0 then
    write('HSET', key, 'state', 'VERIFYING', 'why', '', 'updated', int(now_ms), 'limit', total)
    activate_bulk(id, urgent, created)
  elseif state == 'RUNNING' then
    if failures - n(forgiven) > n(allowed) then
      stop_bulk(id, 'HALTED', 'TOO_MANY_FAILURES', now_ms)
    elseif done >= n(limit) and n(open) == 0 then
      settle_canary(id, key, total, failures, canary_continues, canary_awaits, now_ms)
    end
  end
end

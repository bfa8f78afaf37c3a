#!lua flags=allow-oom
-- Pauses, resumes, cancels or retries a bulk rotation, as an operator requests; or resumes it because
-- consumers have applied the keys of its canary (`acknowledged`); or halts it because another client has
-- spoiled the list of its assistants (`damaged`).
--
-- Keeps: of two requests at once the last one prevails, and each sees a state that was.
--
-- @key bulk
-- @arg id text
-- @arg request pause|resume|cancel|retry|acknowledged|damaged
-- @actor
-- @reply DONE: also if it was so already
-- @reply REFUSED state text: its state does not allow this
-- @reply MISSING
-- @include activity/record
-- @include bulks/activate
-- @include bulks/cancel
-- @include bulks/rate
-- @include bulks/settle
-- @include bulks/stop
-- @include scripts/call
-- @include scripts/number
-- @include scripts/publish
-- @include time/now

local state, prepared, open_text, failed_text, lost, urgent, created, total, org, why, limit =
  fields(bulk, { open_text = 'open', failed_text = 'failed' })
if not state then return reply.MISSING end
local now_ms = math.floor(now_us() / 1000)
local open, failed = tonumber(open_text) or 0, tonumber(failed_text) or 0

local function run(to, kind)
  write('HSET', bulk, 'state', to, 'why', '', 'updated', int(now_ms))
  restart_rate(bulk, now_ms)
  activate_bulk(id, urgent, created)
  publish('bulk-changed', id)
  record_activity(actor, kind, 'org', org, 'target', 'bulkRotation:' .. id, 'before', state, 'after', to)
end

-- These stop the command before it writes anything, if they cannot be read.
local letters = request == 'retry' and read('GET', bulk .. ':states') or ''
local unknowns_seen = org and read('HGET', PREFIX .. ':ledger', 'run:' .. org) or 0
local awaits = why == 'CANARY_AWAITS_CONSUMERS' and state == 'PAUSED'

local function pause()
  -- It no longer resumes without an operator.
  if awaits then stop_bulk(id, 'PAUSED', 'CANARY_DONE', now_ms, actor) end
  if state == 'PAUSED' then return reply.DONE end
  if state ~= 'RUNNING' and state ~= 'HALTED' and state ~= 'PREPARING' then
    return reply.REFUSED { state = state }
  end
  stop_bulk(id, 'PAUSED', 'PAUSED_BY_OPERATOR', now_ms, actor)
  return reply.DONE
end

local function resume()
  if state == 'RUNNING' or state == 'PREPARING' then
    -- Another client may have removed it from the indexes.
    write('ZADD', PREFIX .. ':bulks', 'NX', 0, id)
    activate_bulk(id, urgent, created)
    return reply.DONE
  end
  if state ~= 'PAUSED' and state ~= 'HALTED' then return reply.REFUSED { state = state } end
  if prepared ~= '1' then
    run('PREPARING', 'bulk.resumed')
    return reply.DONE
  end
  -- The operator who resumes it has seen what failed until now, and the canary.
  write('HSET', bulk, 'forgiven', failed + (tonumber(lost) or 0), 'run_seen', unknowns_seen)
  write('HDEL', bulk, 'away_since', 'unread')
  if org then write('HDEL', PREFIX .. ':ledger', 'drift:' .. org, 'drift_at:' .. org) end
  local is_canary_done = why == 'CANARY_DONE' or awaits
  if is_canary_done or (state == 'HALTED' and done_of(bulk) >= (tonumber(limit) or 0)) then
    write('HSET', bulk, 'limit', total)
  end
  run('RUNNING', 'bulk.resumed')
  settle_bulk(id, now_ms)
  return reply.DONE
end

local function halt_damaged()
  if state ~= 'RUNNING' then return reply.REFUSED { state = state } end
  stop_bulk(id, 'HALTED', 'LEDGER_CORRUPT', now_ms, actor)
  return reply.DONE
end

local function cancel()
  if state == 'CANCELLING' or state == 'CANCELLED' then return reply.DONE end
  -- A state that another client has written is none: only then the bulk can be rotated again.
  if state == 'VERIFYING' or state == 'COMPLETED' or state == 'FAILED' or state == 'VALIDATED' then
    return reply.REFUSED { state = state }
  end
  cancel_bulk(id, 'CANCELLED_BY_OPERATOR', open, now_ms, actor)
  return reply.DONE
end

-- Returns the failed assistants to the draws: of every hundred with a failure all are drawn, and only those
-- that wait are begun.
local function redraw_failed()
  local spans, at = {}, string.find(letters, '%u')
  while at do
    local first = math.floor((at - 1) / 100) * 100
    local last = math.min(first + 100, #letters)
    spans[#spans + 1] = int(first) .. ':' .. int(last)
    at = string.find(letters, '%u', last + 1)
  end
  for i = 1, #spans, 1000 do write('RPUSH', bulk .. ':redo', unpack(spans, i, math.min(i + 999, #spans))) end
  write('SET', bulk .. ':states', (string.gsub(letters, '%u', '.')))
end

local function retry()
  if state ~= 'COMPLETED' then
    -- A repeated request finds the bulk at work.
    local is_at_work = prepared == '1' and (state == 'RUNNING' or state == 'VERIFYING')
    if is_at_work and read('HEXISTS', bulk, 'retried') == 1 then return reply.DONE end
    return reply.REFUSED { state = state }
  end
  if failed == 0 then return reply.DONE end
  redraw_failed()
  write('HSET', bulk, 'failed', 0, 'forgiven', 0, 'limit', total, 'retried', '1')
  -- An operator requests it: the window of a policy no longer applies.
  write('HDEL', bulk, 'ended', 'verification', 'away_since', 'unread', 'until')
  write('DEL', bulk .. ':failures')
  write('ZREM', PREFIX .. ':bulks:ended', id)
  run('RUNNING', 'bulk.retried')
  return reply.DONE
end

if request == 'damaged' then return halt_damaged() end
write('SREM', PREFIX .. ':bulks:awaiting', id)
-- An operator who paused, resumed or cancelled it meanwhile prevails.
if request == 'acknowledged' and not awaits then return reply.REFUSED { state = state } end
if request == 'pause' then return pause() end
if request == 'cancel' then return cancel() end
if request == 'retry' then return retry() end
return resume()

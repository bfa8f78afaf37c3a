#!lua flags=allow-oom
-- Saves the progress of a sweep and renews the lease of the lock; or ends the sweep and releases the lock.
--
-- Keeps: a sweep ends once. A lease that has lapsed is valid until another run takes the lock.
--
-- @key sweep
-- @key lock
-- @arg id text
-- @arg token text: of this run
-- @arg counts text: JSON
-- @arg lease_ms number?: absent to end it
-- @arg end_state text?
-- @arg code text?: the error code
-- @arg keep_s digits: how long an ended sweep is kept
-- @reply SAVED: also if the same run ended it before and the response was lost
-- @reply REFUSED: another run holds the lock, or the sweep is missing: nothing was written
-- @include activity/record
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local state, sweep_token, org, started = fields(sweep, { sweep_token = 'token' })
if not lease_ms and state == end_state and sweep_token == token then return reply.SAVED end
local lock_id, lock_token = fields(lock, { lock_id = 'id', lock_token = 'token' })
if lock_id ~= id or lock_token ~= token or state ~= 'RUNNING' then return reply.REFUSED end

local now_ms = math.floor(now_us() / 1000)
write('HSET', sweep, 'counts', counts, 'updated', int(now_ms))
if lease_ms then
  write('HSET', lock, 'lease', int(now_ms + lease_ms))
  return reply.SAVED
end
write('HSET', sweep, 'state', end_state, 'ended', int(now_ms), 'error', code)
write('EXPIRE', sweep, keep_s)
write('DEL', lock)
local found = cjson.decode(counts)
if end_state == 'FAILED' then
  record_activity('system:sweeps', 'sweep.failed', 'org', org, 'target', 'sweep:' .. id, 'reason', code,
    'before', state, 'after', end_state)
end
if (found.adopted or 0) + (found.removed or 0) > 0 then
  record_activity('system:sweeps', 'drift.found', 'org', org, 'target', 'sweep:' .. id, 'after', counts)
end
-- Sweeps expire; the time and the result of the last comparison of everything are kept.
if org == '' then
  local compared = found.compared or 0
  local ended = cjson.encode({
    id = id, state = end_state, began = tonumber(started), ended = now_ms, compared = compared, error = code,
  })
  write('HSET', PREFIX .. ':ledger', 'sweep_ended', ended)
  if end_state == 'SUCCEEDED' then write('HSET', PREFIX .. ':ledger', 'sweep_succeeded', ended) end
end
return reply.SAVED

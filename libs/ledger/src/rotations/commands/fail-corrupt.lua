-- Ends a rotation whose own entry, or whose assistant's, cannot be read. If a request may have left, it
-- becomes RECONCILING and needs an operator.
--
-- @key rotation
-- @arg id text
-- @arg look_again_ms number: when it is looked at again
-- @reply FAILED: no request had left
-- @reply WAITS: a request may have left: an operator is needed
-- @reply ENDED: it has ended, or is missing
-- @reply UNREADABLE: its own entry cannot be read: it is taken off the index
-- @include activity/record
-- @include rotations/finish
-- @include rotations/set-state
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local state = redis.pcall('HGET', rotation, 'state')
if type(state) == 'table' then
  write('ZREM', PREFIX .. ':rotations:open', id)
  return reply.UNREADABLE
end
local now_ms = math.floor(now_us() / 1000)
if state == 'QUEUED' then
  finish(id, 'FAILED', int(now_ms), { 'error', 'LEDGER_CORRUPT' }, 'LEDGER_CORRUPT')
  return reply.FAILED
end
if state == 'ROTATING' or state == 'RECONCILING' then
  local was_needed, org, assistant, bulk = fields(rotation, { was_needed = 'operator' })
  if state == 'ROTATING' then write('HSET', rotation, 'since', int(now_ms)) end
  set_state(id, 'RECONCILING', int(now_ms), 'next', int(now_ms + look_again_ms), 'error', 'OUTCOME_UNKNOWN',
    'read_error', 'LEDGER_CORRUPT', 'operator', '1')
  if state == 'ROTATING' and not bulk then
    record_activity('system:rotation', 'rotation.unknown', 'org', org, 'target', 'rotation:' .. id,
      'assistant', assistant, 'reason', 'LEDGER_CORRUPT', 'before', state, 'after', 'RECONCILING')
  end
  if was_needed ~= '1' then
    record_activity('system:rotation', 'rotation.operator_needed', 'org', org, 'target', 'rotation:' .. id,
      'assistant', assistant, 'reason', 'LEDGER_CORRUPT')
  end
  return reply.WAITS
end
return reply.ENDED

-- Deals with a rotation whose own entry or whose assistant's cannot be read: it fails where nothing was sent;
-- else it waits for somebody.
--
-- KEYS  1 the rotation
-- ARGV  1 prefix  2 rotation id  3 ms until it is looked at again
-- Returns {'FAILED'}      nothing had been sent
--         {'WAITS'}       a request may have left: it is RECONCILING, and an operator is needed
--         {'ENDED'}       it has ended, or is not there
--         {'UNREADABLE'}  its own entry cannot be read: it is taken off the index

local id = ARGV[2]
local state = redis.pcall('HGET', KEYS[1], 'state')
if type(state) == 'table' then
  write('ZREM', PREFIX .. ':rotations:open', id)
  return { 'UNREADABLE' }
end
local now_ms = math.floor(now_us() / 1000)
if state == 'QUEUED' then
  finish(id, 'FAILED', int(now_ms), 'error', 'LEDGER_CORRUPT')
  return { 'FAILED' }
end
if state == 'ROTATING' or state == 'RECONCILING' then
  if state == 'ROTATING' then write('HSET', KEYS[1], 'since', int(now_ms)) end
  move(id, 'RECONCILING', int(now_ms), 'next', int(now_ms + tonumber(ARGV[3])), 'error', 'OUTCOME_UNKNOWN',
    'read_error', 'LEDGER_CORRUPT', 'operator', '1')
  return { 'WAITS' }
end
return { 'ENDED' }

-- Takes the lock under which one worker archives, or renews it, and notes what that worker reports.
--
-- Keeps: one holder at a time, as Redis knows. The files of the archive do not depend on it.
--
-- @key lock
-- @key report
-- @arg token text
-- @arg lease_ms number
-- @arg text text?: the signed report; absent if there is nothing to note
-- @reply HELD
-- @reply OTHER: another worker has the lock
-- @include scripts/call

if read('TYPE', lock).ok ~= 'string' then write('DEL', lock) end
local holder = read('GET', lock)
if holder and holder ~= token then
  -- Another client can have written a lock that does not end.
  local rest_ms = read('PTTL', lock)
  if rest_ms < 0 or rest_ms > lease_ms then write('PEXPIRE', lock, lease_ms) end
  return reply.OTHER
end
write('SET', lock, token, 'PX', lease_ms)
if text ~= '' then write('SET', report, text) end
return reply.HELD

#!lua flags=allow-oom
-- Freezes rotations: from now on `claim` lets no request leave.
--
-- Keeps: both fields are there, or neither.
--
-- @key ledger: the ledger's own facts
-- @arg reason text
-- @reply FROZEN
-- @reply ALREADY: the time and the reason stay as they were
-- @include scripts/call
-- @include scripts/number
-- @include time/now

if write('HSETNX', ledger, 'frozen', int(math.floor(now_us() / 1000))) == 0 then return reply.ALREADY end
write('HSET', ledger, 'frozen_reason', reason)
return reply.FROZEN

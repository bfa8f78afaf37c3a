#!lua flags=allow-oom
-- Freezes rotations: from now on `claim` lets no request leave.
--
-- Keeps: all fields are there, or none.
--
-- @key ledger: the ledger's own facts
-- @arg reason text
-- @actor
-- @reply FROZEN
-- @reply ALREADY: the time and the reason stay as they were
-- @include activity/record
-- @include scripts/call
-- @include scripts/number
-- @include time/now

if write('HSETNX', ledger, 'frozen', int(math.floor(now_us() / 1000))) == 0 then return reply.ALREADY end
write('HSET', ledger, 'frozen_reason', reason, 'frozen_by', actor_by)
record_activity(actor, 'freeze.set', 'target', 'system:freeze', 'reason', reason, 'after', 'FROZEN')
return reply.FROZEN

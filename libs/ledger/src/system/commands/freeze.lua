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

local now = int(math.floor(now_us() / 1000))
if write('HSETNX', ledger, 'frozen', now) == 0 then return reply.ALREADY end
-- A gateway of an earlier version unfreezes without deleting who had frozen: the moment tells freezes apart.
write('HSET', ledger, 'frozen_reason', reason, 'frozen_by', now .. ' ' .. actor_by)
record_activity(actor, 'freeze.set', 'target', 'system:freeze', 'reason', reason, 'after', 'FROZEN')
return reply.FROZEN

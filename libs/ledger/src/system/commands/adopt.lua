#!lua flags=allow-oom
-- Accepts a ledger in the place of the one that vanished: requests may leave again.
--
-- Keeps: only the ledger that the operator has looked at is adopted.
--
-- @key ledger: the ledger's own facts
-- @arg ledger_id text: the ledger that the operator has looked at
-- @actor
-- @reply ADOPTED
-- @reply NOT_LOST: it is not lost, or was adopted before
-- @reply CHANGED: it is another ledger by now
-- @include activity/record
-- @include scripts/call

local id, lost = fields(ledger)
if not lost then return reply.NOT_LOST end
if id ~= ledger_id then return reply.CHANGED end
write('HDEL', ledger, 'lost', 'before')
write('HSET', ledger, 'adopted', id)
record_activity(actor, 'ledger.adopted', 'target', 'system:ledger', 'before', 'LOST', 'after', id)
return reply.ADOPTED

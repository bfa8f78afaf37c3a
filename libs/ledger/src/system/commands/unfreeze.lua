#!lua flags=allow-oom
-- Lets requests leave again.
--
-- @key ledger: the ledger's own facts
-- @actor
-- @reply LIFTED
-- @reply NOT_FROZEN
-- @include activity/record
-- @include scripts/call

local frozen = read('HEXISTS', ledger, 'frozen') == 1
if write('HDEL', ledger, 'frozen', 'frozen_reason', 'frozen_by') == 0 then return reply.NOT_FROZEN end
record_activity(actor, 'freeze.lifted', 'target', 'system:freeze', 'before', frozen and 'FROZEN')
return reply.LIFTED

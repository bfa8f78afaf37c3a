#!lua flags=allow-oom
-- Ends a rotation whose key was found and published while its landing window was open. The window has now
-- passed, and the key was read again, unchanged.
--
-- @key rotation
-- @key assistant
-- @key intents: the open intents of the org
-- @arg id text
-- @arg epoch digits
-- @arg now_ms digits: as the worker computes Redis time from its claim
-- @arg in_force_ms digits: when the key was certainly in force: the start of the read, less the read lag
-- @reply SETTLED
-- @reply WITHHELD: several assistants of the org show one key, and this may be it: nothing was written
-- @reply REFUSED: another holds the claim, or no key was found: nothing was written
-- @include orgs/hold-code
-- @include rotations/close-intent
-- @include rotations/finish
-- @include scripts/call
-- @include scripts/decoded

local holder, held_epoch, satisfied, org = fields(assistant, { held_epoch = 'epoch' })
if holder ~= id or held_epoch ~= epoch or not satisfied then return reply.REFUSED end
if org and hold_code(decoded(org)) == 'KEYS_NOT_SHOWN' then return reply.WITHHELD end

write('HSET', assistant, 'verified', in_force_ms)
close_intent(assistant, intents)
finish(id, 'SUCCEEDED', now_ms,
  { 'version', satisfied, 'cause', 'reconciliation', 'error', '', 'status', '' })
return reply.SETTLED

#!lua flags=allow-oom
-- Closes an intent whose POST certainly did not happen, or certainly did not land, and queues the rotation
-- again.
--
-- @key rotation
-- @key assistant
-- @key intents: the open intents of the org
-- @arg id text
-- @arg epoch digits
-- @arg code text?
-- @arg status digits?: of the upstream response
-- @reply RELEASED
-- @reply REFUSED: another holds the claim: nothing was written
-- @include bulks/outcome-known
-- @include rotations/close-intent
-- @include rotations/set-state
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local holder, held_epoch = fields(assistant, { held_epoch = 'epoch' })
if holder ~= id or held_epoch ~= epoch then return reply.REFUSED end

local org, bulk, counted = fields(rotation)
close_intent(assistant, intents)
if counted then note_outcome_known(id, bulk, counted) end
set_state(id, 'QUEUED', int(math.floor(now_us() / 1000)), 'error', code, 'status', status)
-- A rotation of a bulk waits for its bulk: a request for this assistant alone must not wait for that.
if not bulk then write('HSETNX', assistant, 'queued:' .. org, id) end
return reply.RELEASED

#!lua flags=allow-oom
-- Ends a rotation that was certainly not done and is not retried.
--
-- @key rotation
-- @key assistant
-- @key intents: the open intents of the org
-- @arg id text
-- @arg epoch digits
-- @arg code text
-- @arg status digits?: of the upstream response
-- @arg check flag: has the assistant read and compared, if a key of it was published
-- @reply FAILED
-- @reply REFUSED: another holds the claim: nothing was written
-- @include assistants/check
-- @include rotations/close-intent
-- @include rotations/expire
-- @include rotations/finish
-- @include rotations/forget
-- @include scripts/call
-- @include scripts/decoded
-- @include scripts/number
-- @include time/now

local holder, held_epoch, version, org = fields(assistant, { held_epoch = 'epoch' })
if holder ~= id or held_epoch ~= epoch then return reply.REFUSED end

local assistant_id = read('HGET', rotation, 'assistant')
local now_ms = math.floor(now_us() / 1000)
close_intent(assistant, intents)
if check and version and assistant_id then
  -- Under the org that it was published under: the rotation may have been asked for with a wrong one.
  request_check(decoded(org), assistant_id, now_ms)
end
forget_if_never_published(assistant)
expire_if_deleted(assistant)
finish(id, 'FAILED', int(now_ms), { 'error', code, 'status', status }, code)
return reply.FAILED

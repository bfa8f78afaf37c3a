-- Cancels a rotation that is still QUEUED. The caller knows only its id: the key of the assistant comes from
-- the rotation.
--
-- @key rotation
-- @arg id text
-- @actor
-- @reply CANCELLED rotation hash: also if it was cancelled before
-- @reply REFUSED state text: it has started, or has ended otherwise
-- @reply MISSING
-- @include activity/record
-- @include rotations/expire
-- @include rotations/finish
-- @include rotations/forget
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local state, org, assistant_key, assistant = fields(rotation)
if not state then return reply.MISSING end
if state == 'QUEUED' then
  local queued = 'queued:' .. org
  if read('HGET', assistant_key, queued) == id then write('HDEL', assistant_key, queued) end
  finish(id, 'CANCELLED', int(math.floor(now_us() / 1000)), {})
  forget_if_never_published(assistant_key)
  expire_if_deleted(assistant_key)
  -- One that is not in the index of open ones was not cancelled: another client has removed it there.
  if read('HGET', rotation, 'state') == 'CANCELLED' then
    record_activity(actor, 'rotation.cancelled', 'org', org, 'target', 'rotation:' .. id,
      'assistant', assistant, 'before', 'QUEUED', 'after', 'CANCELLED')
  end
elseif state ~= 'CANCELLED' then
  return reply.REFUSED { state = state }
end
return reply.CANCELLED { rotation = read('HGETALL', rotation) }

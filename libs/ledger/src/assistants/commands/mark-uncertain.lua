#!lua flags=allow-oom
-- Tells consumers that it is unknown whether the published key is in force, because reads show an older one.
-- For a check; a rotation uses note-unknown.lua.
--
-- Keeps: `key-uncertain` comes once before the next version, and stands in the hash of uncertain assistants.
--
-- @key assistant
-- @arg epoch digits: of the check
-- @arg head text: the event before its numbers `seq` and `run`
-- @arg tail text: the event after them
-- @arg keep digits: the length of the stream
-- @arg assistant_id text
-- @arg recipients text?: the revision of the consumers at which the event was sealed
-- @reply MARKED
-- @reply KNOWN: consumers were told before, or nothing is published
-- @reply REFUSED: something has happened to the assistant since the check began: nothing was written
-- @reply RECIPIENTS: consumers were added or removed since the event was sealed: nothing was written
-- @include activity/record
-- @include consumers/recipients-revision
-- @include scripts/call
-- @include scripts/decoded
-- @include scripts/event

local holder, held_epoch, version, uncertain, org, fingerprint = fields(assistant, { held_epoch = 'epoch' })
if holder or held_epoch ~= epoch then return reply.REFUSED end
if uncertain or not version then return reply.KNOWN end
if has_other_recipients(recipients) then return reply.RECIPIENTS end
local seq, event = emit({}, head, tail, keep)
write('HSET', assistant, 'uncertain', seq)
write('HSET', PREFIX .. ':uncertain', assistant_id, event)
-- What is deleted is in no list.
if org and fingerprint ~= 'deleted' then
  write('ZADD', PREFIX .. ':index:uncertain:' .. org, 0, assistant_id)
end
record_activity('system:checks', 'key.uncertain', 'org', org and decoded(org), 'assistant', assistant_id,
  'reason', 'STALE_READ')
return reply.MARKED

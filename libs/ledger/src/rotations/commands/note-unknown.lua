#!lua flags=allow-oom
-- Notes that it is unknown whether the POST of a rotation took effect. The intent stays open. Consumers are
-- told the first time, and again if a version was published since and reads show an older key than that.
--
-- Keeps: once a key was published, `key-uncertain` comes once before the next version, and stands in the hash
-- of uncertain assistants.
--
-- @key rotation
-- @key assistant
-- @key ledger: the ledger's own facts
-- @arg id text
-- @arg epoch digits
-- @arg status digits?: of the upstream response
-- @arg read_in_ms number: until the assistant is read next
-- @arg hold_ms number: how long the claim is kept; with 0 it is free until the next read
-- @arg read_error text?: the error code of the last read
-- @arg operator_needed flag: reads cannot succeed until an operator acts
-- @arg head text: the event before its numbers `seq` and `run`
-- @arg tail text: the event after them
-- @arg keep digits: the length of the stream
-- @arg org text
-- @arg assistant_id text
-- @arg sender_gone flag: the worker that sent the POST is gone: that says nothing about upstream
-- @arg recipients text?: the revision of the consumers at which the event was sealed
-- @arg blocked_by text?: the error code for which a later POST fares no better until an operator acts; it
--   stays with the rotation
-- @reply NOTED
-- @reply REFUSED: another holds the claim: nothing was written
-- @reply RECIPIENTS: an event is due, and consumers were added or removed since it was sealed: nothing was
--   written
-- @include activity/record
-- @include bulks/bulk
-- @include bulks/stop
-- @include bulks/unknown-item
-- @include consumers/recipients-revision
-- @include orgs/org-name
-- @include orgs/unknown-orgs
-- @include rotations/set-state
-- @include scripts/call
-- @include scripts/event
-- @include scripts/number
-- @include time/now

local holder, held_epoch, version, uncertain, of_org, fingerprint =
  fields(assistant, { held_epoch = 'epoch', of_org = 'org' })
if holder ~= id or held_epoch ~= epoch then return reply.REFUSED end

local now_ms = math.floor(now_us() / 1000)
local state, since, bulk, blocked_before, operator = fields(rotation, { blocked_before = 'blocked' })
local is_noted = state == 'RECONCILING'
local blocked = blocked_by ~= '' and blocked_by or blocked_before or ''
local emits = (not is_noted or read_error == 'STALE_READ') and version and not uncertain
local needs_operator = blocked ~= '' or operator_needed
local numbers = {}
if emits and has_other_recipients(recipients) then return reply.RECIPIENTS end
if emits then prepare_event(numbers) end
write('HSET', assistant, 'lease', int(now_ms + hold_ms))
set_state(id, 'RECONCILING', int(now_ms), 'since', is_noted and since or int(now_ms),
  'next', int(now_ms + read_in_ms), 'error', 'OUTCOME_UNKNOWN', 'status', status,
  'read_error', read_error ~= '' and read_error or blocked,
  'operator', needs_operator and '1' or '')
if blocked_by ~= '' then write('HSET', rotation, 'blocked', blocked) end
-- The next assistant of the bulk would fare no better, unless only the record of this one is affected. A
-- single response that cannot be decoded may be an accident in transit: the read-back has to be unreadable
-- too.
local halts = blocked_by ~= '' and blocked ~= 'RECORD_TOO_LARGE' and blocked ~= 'ANSWER_UNREADABLE'
if blocked == 'ANSWER_UNREADABLE' then halts = read_error == blocked end
if halts and bulk and read('HGET', bulk_key(bulk), 'state') == 'RUNNING' then
  stop_bulk(bulk, 'HALTED', blocked, now_ms)
end
if not is_noted and not sender_gone then
  org = org_name(org)
  note_unknown_outcome(ledger, org, now_ms)
end
-- Of a bulk rotation, of which there may be thousands, only what needs an operator.
if not is_noted and not bulk then
  record_activity('system:rotation', 'rotation.unknown', 'org', org_name(org), 'target', 'rotation:' .. id,
    'assistant', assistant_id, 'before', state, 'after', 'RECONCILING')
end
if needs_operator and operator ~= '1' then
  record_activity('system:rotation', 'rotation.operator_needed', 'org', org_name(org),
    'target', 'rotation:' .. id, 'assistant', assistant_id,
    'reason', read_error ~= '' and read_error or blocked)
end
if emits then
  local seq, event = emit(numbers, head, tail, keep)
  write('HSET', assistant, 'uncertain', seq)
  write('HSET', PREFIX .. ':uncertain', assistant_id, event)
  -- What is deleted is in no list.
  if of_org and fingerprint ~= 'deleted' then
    write('ZADD', PREFIX .. ':index:uncertain:' .. of_org, 0, assistant_id)
  end
  if is_noted then
    record_activity('system:rotation', 'key.uncertain', 'org', org_name(org), 'target', 'rotation:' .. id,
      'assistant', assistant_id, 'reason', read_error)
  end
end
if bulk then note_unknown_item(id, bulk, not is_noted, sender_gone, read_error, now_ms) end
return reply.NOTED

#!lua flags=allow-oom
-- Claims waiting assistants of a bulk, each with an intent to POST and a rotation of its own, as far as the
-- limit of open intents and the request budget allow.
--
-- Keeps: all that `claim` keeps; an assistant of a bulk is begun once. Too many consecutive unknown outcomes
-- halt the bulk.
--
-- @key bulk
-- @key states: the states of its assistants
-- @key ledger: the ledger's own facts
-- @key intents: the open intents of the org
-- @key budget: the request budget
-- @arg bulk_id text
-- @arg org text
-- @arg lease_ms number
-- @arg landing_ms number: the landing window
-- @arg max_open number: how many intents of the org may be open
-- @arg max_in_all number: how many intents of all orgs may be open
-- @arg hold_back text?: the error code for which the worker lets no POST leave now
-- @arg step_us number: the pause between two requests, 0 for no limit
-- @arg ledger_id text?: the ledger that the worker knows
-- @each item
-- @key assistant
-- @arg index digits: in the bulk
-- @arg rotation text: the id of its rotation
-- @arg assistant_id text
-- @reply CLAIMED now_ms number, unknowns number, wait_ms number, outcomes outcome...: in order, as far as
--   they came. `unknowns`: consecutive unknown outcomes of the org. `wait_ms` is not 0 if the request budget
--   is used up
-- @outcome claimed epoch number, key_state text?, version number?, fresh flag, probes flag: as `claim`
-- @outcome shared: another rotation has replaced the key since the bulk was asked for: that serves both
-- @outcome busy: a rotation holds it, or a single rotation is QUEUED for it and goes first
-- @outcome past: it does not wait any more; or it has failed, because its ledger entry cannot be read or its
--   record is too long
-- @reply STOPPED state text?: the bulk does not run
-- @reply FULL wait_ms number: the org, or all together, have as many open intents as bulks may have: a tenth
--   is left to single rotations
-- @reply FROZEN wait_ms number: no POST may leave, or the clock of Redis is out of step
-- @include assistants/is-key
-- @include budget/take-slot
-- @include bulks/stop
-- @include orgs/org-name
-- @include rotations/epoch
-- @include rotations/open-intent
-- @include rotations/open-intents
-- @include rotations/orphan
-- @include rotations/own-intents
-- @include rotations/release-holder
-- @include rotations/rotation
-- @include rotations/too-large
-- @include scripts/call
-- @include scripts/number
-- @include scripts/reply-of
-- @include time/now
-- @include time/time-left
-- @include bulks/cancel
-- @late bulks/skip-item

org = org_name(org)
local state, created_text, reason, started, until_text, open, seen_text =
  fields(bulk, { created_text = 'created', until_text = 'until', seen_text = 'run_seen' })
local created = tonumber(created_text)
-- Without the time of the request nothing says which assistants were rotated since.
if state ~= 'RUNNING' or not created then return reply.STOPPED { state = state } end

local now, is_out_of_step = now_us()
if is_out_of_step then return reply.FROZEN { wait_ms = '1000' } end
local now_ms = math.floor(now / 1000)
local now_text, lease_text, lands_text = int(now_ms), int(now_ms + lease_ms), int(now_ms + landing_ms)
if is_window_closed(bulk_id, until_text, open, now_ms) then
  return reply.STOPPED { state = read('HGET', bulk, 'state') }
end
local blocker, unknowns, unknown_at = post_blocker(ledger, org, hold_back, ledger_id)
if blocker then return reply.FROZEN { wait_ms = '5000' } end
if unknowns >= max_open and time_left(unknown_at + landing_ms, now_ms, landing_ms) > 0 then
  -- The unknown outcomes that an operator had seen when resuming it do not halt it again: it waits until the
  -- next POST may leave, as a probe.
  if unknowns <= (tonumber(seen_text) or 0) then return reply.FULL { wait_ms = '1000' } end
  stop_bulk(bulk_id, 'HALTED', 'TOO_MANY_UNKNOWNS', now_ms)
  return reply.STOPPED { state = 'HALTED' }
end
-- What decides whether a POST may leave is read before anything is written.
read('GETRANGE', states, 0, 0)
read('HLEN', budget)
-- A tenth is left to single rotations: they need not wait until one of a bulk has ended.
local share = max_open - math.floor(max_open / 10)
local room = share - open_intents(intents, share, now_ms)
if room <= 0 then return reply.FULL { wait_ms = unknowns > 0 and '1000' or '5' } end
local in_all, are_unknown = room_in_all(max_in_all - math.floor(max_in_all / 10), now_ms, landing_ms)
if in_all == 0 then return reply.FULL { wait_ms = are_unknown and '1000' or '5' } end
room = math.min(room, in_all)
-- After too many consecutive unknown outcomes, one POST a landing window, as a probe.
if unknowns >= max_open then room = 1 end

intents = own_intents(intents)
local queued_field = 'queued:' .. org
local begun, wait_ms = 0, '0'

-- Whether a single rotation waits for the assistant. Nobody looks for the job of one that is not in the index
-- of open ones: another client has invented it.
local function is_waiting(id, assistant)
  local state, of = unpack(redis.pcall('HMGET', rotation_key(id), 'state', 'assistant_key'))
  return state == 'QUEUED' and (of or assistant) == assistant
    and redis.pcall('ZSCORE', PREFIX .. ':rotations:open', id) ~= false
end

-- Claims one assistant. Returns nil if there is no room or no request for it, and whether the claim ends with
-- it: an assistant that cannot be rotated has failed, and that may have halted the bulk.
local function claim(item)
  local index, assistant = item.index, item.assistant
  if read('GETRANGE', states, index, index) ~= '.' then return outcome.past end
  local failure, holder, lease, lands, fingerprint, held_epoch, version, queued, verified, rotated =
    try_fields(assistant, { held_epoch = 'epoch', queued = queued_field })
  if failure or is_beyond(held_epoch) or is_beyond(version) then
    skip_item(bulk_id, index, 'I', now_ms, 'LEDGER_CORRUPT', org, item.assistant_id)
    return outcome.past, read('HGET', bulk, 'state') ~= 'RUNNING'
  end
  if not holder and is_too_large(item.assistant_id) then
    skip_item(bulk_id, index, 'O', now_ms, 'RECORD_TOO_LARGE', org, item.assistant_id)
    return outcome.past, read('HGET', bulk, 'state') ~= 'RUNNING'
  end
  if holder and time_left(tonumber(lease) or 0, now_ms, lease_ms) == 0
    and is_orphaned(holder, now_ms + time_left(tonumber(lands) or 0, now_ms, landing_ms), now_ms) then
    release_holder(assistant)
    holder = nil
  end
  if is_key(fingerprint) and (tonumber(rotated) or 0) > created then
    skip_item(bulk_id, index, 'm', now_ms)
    return outcome.shared
  end
  if holder or (queued and is_waiting(queued, assistant)) then
    return outcome.busy
  end
  if begun >= room then return nil end
  local is_free, wait, _, probes = take_slot(budget, now, step_us, 'bulk')
  if not is_free then
    wait_ms = string.format('%.3f', wait / 1000)
    return nil
  end

  local id, epoch = item.rotation, int(next_epoch(now, held_epoch, version))
  open_intent(id, assistant, intents, fingerprint, epoch, now_text, lease_text, lands_text)
  write('HSET', rotation_key(id), 'org', org, 'assistant', item.assistant_id, 'assistant_key', assistant,
    'state', 'ROTATING', 'reason', reason, 'created', now_text, 'started', now_text, 'updated', now_text,
    'sent', now_text, 'attempts', 1, 'bulk', bulk_id, 'item', index)
  write('ZADD', PREFIX .. ':rotations:open', 0, id)
  write('SETRANGE', states, index, 'r')
  begun = begun + 1
  local is_key_fresh = is_fresh(fingerprint, tonumber(verified), created, now_ms)
  return outcome.claimed {
    epoch = epoch, key_state = fingerprint, version = version, fresh = is_key_fresh, probes = probes,
  }
end

local outcomes = {}
for i = 1, item_count do
  local result, is_last = claim(i)
  outcomes[i] = result
  if not result or is_last then break end
end

if begun > 0 then
  write('HINCRBY', bulk, 'open', begun)
  if not started then write('HSET', bulk, 'started', now_text) end
  if unknowns >= max_open then write('HSET', ledger, 'run_at:' .. org, now_text) end
end
return reply.CLAIMED { now_ms = now_text, unknowns = int(unknowns), wait_ms = wait_ms, outcomes = outcomes }

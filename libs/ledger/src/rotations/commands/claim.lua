#!lua flags=allow-oom
-- Claims an assistant for one rotation and notes the intent to POST; or resumes an intent whose outcome is
-- unknown. The request budget grants its slot here, in one command: no claim is held while a worker waits for
-- a slot. A rotation whose assistant has a record that is too long to be read ends here, without a POST.
--
-- Keeps: an assistant has one holder and at most one open intent; an org has a limited number of open
-- intents, and so have all together. The key state is from before the intent. After as many consecutive
-- unknown outcomes as intents may be open, one POST leaves a landing window, as a probe.
--
-- @key rotation
-- @key assistant
-- @key ledger: the ledger's own facts
-- @key intents: the open intents of the org
-- @key budget: the request budget
-- @arg id text
-- @arg org text
-- @arg assistant_id text
-- @arg lease_ms number
-- @arg landing_ms number: the landing window
-- @arg max_open number: how many intents of the org may be open
-- @arg max_in_all number: how many intents of all orgs may be open
-- @arg hold_back text?: the error code for which the worker lets no POST leave now
-- @arg step_us number: the pause between two requests, 0 for no limit
-- @arg slot_granted flag: a slot was reserved and has been waited for
-- @arg ledger_id text?: the ledger that the worker knows
-- @reply CLAIMED epoch number, now_ms number, key_state text?, version number?, attempts number,
--   started_ms number, fresh flag, unknowns number, doubted flag, bulk text?, probes flag:
--   the intent is open: POST. `fresh`: the key state is known to have been in force after the rotation was
--   asked for, so any other key was made since. `unknowns`: consecutive unknown outcomes of the org.
--   `doubted`: an earlier outcome of this rotation was unknown. `probes`: the budget is closed, and this
--   request finds out whether it still is
-- @reply RESUMED epoch number, now_ms number, key_state text?, version number?, attempts number, started_ms
--   number, fresh flag, unknowns number, doubted flag, bulk text?, lands_in_ms number, satisfied flag, noted
--   flag, uncertain flag, blocked text?, too_large flag: a POST of this rotation may have left: read, do not
--   POST. `satisfied`: its key was found and published, and only the landing window is open. `noted`: the
--   outcome is noted as unknown. `uncertain`: consumers were told so, and no version has followed. `blocked`:
--   the error code for which another POST would fare no better. `too_large`: the record was too long to be
--   read when it was last read
-- @reply BUSY wait_ms number: another rotation holds the assistant, or its outcome is unknown
-- @reply FULL wait_ms number: the org, or all together, have as many open intents as allowed
-- @reply HALTED wait_ms number: the same, with unknown outcomes; or too many of these were consecutive
-- @reply FROZEN wait_ms number: no POST may leave; or the clock of Redis is out of step, and nothing is
--   resumed
-- @reply PACED wait_ms number, reserved flag: no request may leave yet. `reserved`: claim again then
-- @reply ENDED state text: nothing to do
-- @reply MISSING: no such rotation for this org and assistant
-- @include assistants/is-key
-- @include bulks/bulk
-- @include budget/take-slot
-- @include orgs/org-name
-- @include rotations/epoch
-- @include rotations/open-intent
-- @include rotations/open-intents
-- @include rotations/orphan
-- @include rotations/own-intents
-- @include rotations/rotation
-- @include rotations/set-state
-- @include rotations/too-large
-- @include scripts/call
-- @include scripts/number
-- @include time/now
-- @include time/time-left
-- @late rotations/end-unsent

-- @ask HDEL HGET HSET ZADD
org = org_name(org)

local state, of_org, of_assistant, started, attempts, code, since, bulk, created, asked, blocked =
  fields(rotation, { of_org = 'org', of_assistant = 'assistant', code = 'error' })
if not state or org_name(of_org) ~= org or of_assistant ~= assistant_id then return reply.MISSING end
if state == 'SUCCEEDED' or state == 'FAILED' or state == 'CANCELLED' then
  return reply.ENDED { state = state }
end

local holder, lease, lands, fingerprint, held_epoch, version, queued, verified, satisfied, uncertain,
  rotated = fields(assistant, { held_epoch = 'epoch', queued = 'queued:' .. of_org })
if is_beyond(held_epoch) or is_beyond(version) then return redis.error_reply(BEYOND) end
local now, is_out_of_step = now_us()
local now_ms = math.floor(now / 1000)
if is_out_of_step then
  if hold_back ~= '' and state == 'QUEUED' and code ~= hold_back then
    write('HSET', rotation, 'error', hold_back)
  end
  return reply.FROZEN { wait_ms = '1000' }
end
local lease_left = time_left(tonumber(lease) or 0, now_ms, lease_ms)

if holder and holder ~= id and lease_left == 0 then
  -- @ask all
  if is_orphaned(holder, now_ms + time_left(tonumber(lands) or 0, now_ms, landing_ms), now_ms) then
    -- What decides whether a POST may leave is read before anything is written.
    for _, key in ipairs({ ledger, budget, bulk and bulk_key(bulk) or rotation }) do read('HLEN', key) end
    read('ZCARD', own_intents(intents))
    read('ZCARD', PREFIX .. ':intents')
    write('HDEL', assistant, 'holder', 'satisfied')
    holder = nil
  end
end
if holder and holder ~= id then
  -- The job of the holder drives it: wait a short time while its POST is under way, and until its next read
  -- if its outcome is unknown, which may take as long as the upstream is away.
  if lease_left > 0 then return reply.BUSY { wait_ms = int(math.max(math.min(lease_left, 1000), 100)) } end
  local next_read = tonumber(redis.pcall('HGET', rotation_key(holder), 'next')) or 0
  return reply.BUSY { wait_ms = int(math.max(math.min(next_read - now_ms, 30000), 1000)) }
end
if holder == id and lease_left > 0 then return reply.BUSY { wait_ms = int(lease_left) } end

local bulk_state, bulk_created
if bulk then bulk_state, bulk_created = unpack(read('HMGET', bulk_key(bulk), 'state', 'created')) end
local epoch = int(next_epoch(now, held_epoch, version))
-- When the key was last asked for: a request that was answered with this rotation counts too. A rotation of a
-- bulk was asked for with the bulk.
local asked_ms = tonumber(bulk and bulk_created or asked or created) or math.huge
local is_key_fresh = is_fresh(fingerprint, tonumber(verified), asked_ms, now_ms)
if holder == id then
  local lands_ms = tonumber(lands) or now_ms
  if lands_ms - now_ms > 2 * landing_ms + 60000 then lands_ms = now_ms + landing_ms end
  write('HSET', assistant, 'epoch', epoch, 'lease', int(now_ms + lease_ms), 'lands', int(lands_ms))
  return reply.RESUMED {
    epoch = epoch, now_ms = int(now_ms), key_state = fingerprint, version = version,
    attempts = attempts, started_ms = started, fresh = is_key_fresh, unknowns = '0', doubted = true,
    bulk = bulk, lands_in_ms = int(lands_ms - now_ms), satisfied = satisfied, noted = state == 'RECONCILING',
    uncertain = uncertain, blocked = blocked, too_large = is_too_large(assistant_id),
  }
end

-- A rotation of a bulk follows the state of the bulk.
if bulk_state == 'CANCELLING' or bulk_state == 'CANCELLED' then
  -- @ask all
  if queued == id then write('HDEL', assistant, 'queued:' .. of_org) end
  end_unsent(id, 'CANCELLED', int(now_ms), {}, nil, assistant)
  return reply.ENDED { state = 'CANCELLED' }
end
if is_key(fingerprint) and (tonumber(rotated) or 0) > (tonumber(bulk_created or '') or math.huge) then
  -- Another rotation has replaced its key since the bulk was asked for.
  -- @ask all
  end_unsent(id, 'SUCCEEDED', int(now_ms), { 'version', version, 'cause', 'rotation', 'error', '', 'status',
    '' })
  return reply.ENDED { state = 'SUCCEEDED' }
end
if is_too_large(assistant_id) then
  -- @ask all
  if queued == id then write('HDEL', assistant, 'queued:' .. of_org) end
  local more = { 'error', 'RECORD_TOO_LARGE', 'status', '' }
  end_unsent(id, 'FAILED', int(now_ms), more, 'RECORD_TOO_LARGE', assistant)
  return reply.ENDED { state = 'FAILED' }
end
if bulk_state == 'PAUSED' or bulk_state == 'HALTED' then return reply.HALTED { wait_ms = '2000' } end

local function note_code(why)
  if code ~= why then write('HSET', rotation, 'error', why) end
end

local blocker, unknowns, unknown_at = post_blocker(ledger, org, hold_back, ledger_id)
if blocker then
  note_code(blocker)
  return reply.FROZEN { wait_ms = '5000' }
end
if unknowns >= max_open then
  local rest = time_left(unknown_at + landing_ms, now_ms, landing_ms)
  if rest > 0 then
    note_code('TOO_MANY_UNKNOWNS')
    return reply.HALTED { wait_ms = int(math.min(math.max(rest, 1000), 10000)) }
  end
end
if open_intents(intents, max_open, now_ms) >= max_open then
  if unknowns == 0 then return reply.FULL { wait_ms = '20' } end
  note_code('TOO_MANY_UNKNOWNS')
  return reply.HALTED { wait_ms = '1000' }
end
local room, are_unknown = room_in_all(max_in_all, now_ms, landing_ms)
if room == 0 then
  if not are_unknown then return reply.FULL { wait_ms = '20' } end
  note_code('TOO_MANY_UNKNOWNS_IN_ALL')
  return reply.HALTED { wait_ms = '1000' }
end
if fingerprint == 'deleted' then
  -- @ask PERSIST
end
local is_free, wait, is_reserved, probes =
  take_slot(budget, now, step_us, bulk and 'bulk' or 'first', slot_granted)
if not is_free then
  -- Only upstream makes callers wait for that long: the rotation shows why it waits.
  if wait > HORIZON_US then note_code('UPSTREAM_RATE_LIMITED') end
  return reply.PACED { wait_ms = string.format('%.3f', wait / 1000), reserved = is_reserved }
end
if unknowns >= max_open then write('HSET', ledger, 'run_at:' .. org, int(now_ms)) end

open_intent(id, assistant, own_intents(intents), fingerprint, epoch, int(now_ms), int(now_ms + lease_ms),
  int(now_ms + landing_ms))
if queued == id then write('HDEL', assistant, 'queued:' .. of_org) end
local attempt = int((tonumber(attempts) or 0) + 1)
local started_ms = started or int(now_ms)
set_state(id, 'ROTATING', int(now_ms), 'attempts', attempt, 'started', started_ms,
  'sent', int(now_ms))
return reply.CLAIMED {
  epoch = epoch, now_ms = int(now_ms), key_state = fingerprint, version = version,
  attempts = attempt, started_ms = started_ms, fresh = is_key_fresh, unknowns = int(unknowns),
  doubted = since, bulk = bulk, probes = probes,
}

-- Publishes a key version: the event, the current record, and what the ledger knows of the key.
--
-- @include activity/record
-- @include assistants/adopted
-- @include assistants/is-key
-- @include assistants/moved
-- @include assistants/observation
-- @include assistants/post-response
-- @include assistants/superseded
-- @include listing/history
-- @include listing/listed
-- @include orgs/drift
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/event
-- @include scripts/number

-- The superseded keys, with the published one. A key that came back is in the list already.
local function superseded_after(version, held)
  local superseded = held.superseded or ''
  if not is_key(held.fingerprint) or held.fingerprint == version.state then return superseded end
  if string.sub(superseded, 1, 11) == short(held.fingerprint) then return superseded end
  return string.sub(short(held.fingerprint) .. ',' .. superseded, 1, 59)
end

-- A read has found a change that no rotation made.
local function record_read(version, held)
  local kind = not is_key(version.state) and 'key.removed'
    or version.cause == 'rollback' and 'key.rolled_back'
    or version.cause == 'drift' and 'key.changed_elsewhere'
  if not kind then return end
  local is_of_rotation = version.id ~= ''
  record_activity(is_of_rotation and 'system:rotation' or 'system:checks', kind, 'org', org_name(version.org),
    'target', is_of_rotation and 'rotation:' .. version.id, 'assistant', version.assistant_id,
    'before', is_key(held.fingerprint) and 'key' or held.fingerprint,
    'after', is_key(version.state) and 'key' or version.state)
end

-- Writes what the ledger knows of the key. Returns when it was made at the earliest, or nil.
local function write_key_facts(version, held, seq, entry, now_ms)
  local is_read = version.read_ms ~= nil
  -- The key was made before `known`, and its successor is made after `verified`. A read shows what was in
  -- force up to the read lag ago. Of a response to a POST only the intent counts: by the time of the commit a
  -- person may have rotated by hand.
  local intent = tonumber(held.intent) or 0
  local verified = is_read and int(version.read_ms - version.lag_ms) or int(intent)
  local facts = { 'version', version.epoch, 'fingerprint', version.state, 'seq', seq, 'known', int(now_ms),
    'verified', verified, 'superseded', superseded_after(version, held), 'org', version.encoded_org,
    'entry', entry }
  -- The earliest time at which the key can have been made: a request for a new key before that time is
  -- satisfied. A key that came back after there was none may be of any age.
  local is_new_read = is_read and held.fingerprint and held.fingerprint ~= version.state
  local is_replaced = is_new_read and version.cause ~= 'rollback' and is_key(version.state)
    and is_key(held.fingerprint)
  local rotated = not is_read and verified or is_replaced and held.verified
  if rotated then
    facts[#facts + 1], facts[#facts + 2] = 'rotated', rotated
  elseif is_new_read then
    write('HDEL', version.assistant, 'rotated')
  end
  if not held.fingerprint then
    facts[#facts + 1], facts[#facts + 2] = 'since', int(now_ms)
  end
  write('HSET', version.assistant, unpack(facts))
  if held.seen then forget_observation(version.assistant, version.assistant_id) end
  if is_new_read and version.cause == 'drift' then note_drift(version.org, now_ms) end
  if is_new_read then record_read(version, held) end
  return rotated or not is_new_read and held.rotated or nil
end

local function note_rollback(version, now_ms)
  -- The key that a rotation found is no longer in force.
  write('HDEL', version.assistant, 'satisfied')
  write('ZADD', PREFIX .. ':rollbacks', int(now_ms), version.assistant_id)
  write('ZREMRANGEBYRANK', PREFIX .. ':rollbacks', 0, -1001)
end

-- Puts the assistant in the indexes of its org.
local function index_assistant(version, held, rotated, entry, now_ms)
  local is_moved = held.org ~= version.encoded_org
  if is_moved then
    if held.org then
      write('ZREM', PREFIX .. ':assistants:' .. held.org, version.assistant_id)
      unlist_assistant(held.org, version.assistant_id)
    end
    write('SADD', PREFIX .. ':orgs', version.org)
  end
  local may_be_new = is_moved or held.fingerprint == 'deleted' or version.id == ''
  if may_be_new then
    write('ZADD', PREFIX .. ':assistants:' .. version.encoded_org, int(now_ms), version.assistant_id)
  end
  if version.state ~= 'deleted' then
    local age = age_of(version.state, rotated, int(now_ms))
    local changed = int(changed_at(entry, int(now_ms)))
    list_assistant(version.encoded_org, version.assistant_id, age, changed, may_be_new)
  end
end

-- `org`: the one that the assistant was last published under. `response`: the text to keep of a response to a
-- POST. Returns seq and the stream entry.
local function publish_version(version, held, numbers, org, response, now_ms)
  local moved = moved_of(version, held)
  local seq, event, entry = emit(numbers, version.head, moved.note .. version.tail, version.keep)
  write('SET', version.current, event)
  if response then note_response(version.org, response) end
  local rotated = write_key_facts(version, held, seq, entry, now_ms)
  note_version(version, held, now_ms)
  if version.read_ms and is_key(version.state) and held.fingerprint ~= version.state then
    note_adopted(org, version.state, version.assistant_id)
  end
  if version.cause == 'rollback' then note_rollback(version, now_ms) end
  index_assistant(version, held, rotated, entry, now_ms)
  if moved.former then write('HSET', version.assistant, 'former', moved.former) end
  if held.uncertain then
    write('HDEL', version.assistant, 'uncertain')
    write('HDEL', PREFIX .. ':uncertain', version.assistant_id)
    if held.org then write('ZREM', PREFIX .. ':index:uncertain:' .. held.org, version.assistant_id) end
  end
  if version.check_in_ms then
    -- Unlike `request_check`, not before that moment: an earlier check does not replace it. The epoch tells
    -- it from other checks of the assistant.
    local name = org_name(version.org) .. '/' .. version.assistant_id .. '/' .. version.epoch
    write('ZADD', PREFIX .. ':checks', int(now_ms + version.check_in_ms), name)
  end
  if version.ends_unknowns then
    write('HDEL', PREFIX .. ':ledger', 'run:' .. version.org, 'run_at:' .. version.org)
  end
  return seq, entry
end

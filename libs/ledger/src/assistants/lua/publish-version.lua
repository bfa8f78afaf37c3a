-- Publishes a key version: the event, the current record, and what the ledger knows of the key.
--
-- @include assistants/adopted
-- @include assistants/is-key
-- @include assistants/observation
-- @include assistants/post-response
-- @include assistants/superseded
-- @include orgs/drift
-- @include scripts/call
-- @include scripts/event
-- @include scripts/number

-- The superseded keys, with the published one. A key that came back is in the list already.
local function superseded_after(v, held)
  local superseded = held.superseded or ''
  if not is_key(held.fingerprint) or held.fingerprint == v.state then return superseded end
  if string.sub(superseded, 1, 11) == short(held.fingerprint) then return superseded end
  return string.sub(short(held.fingerprint) .. ',' .. superseded, 1, 59)
end

-- Writes what the ledger knows of the key.
local function write_key_facts(v, held, seq, now_ms)
  local is_read = v.read_ms ~= nil
  -- The key was made before `known`, and its successor is made after `verified`. A read shows what was in
  -- force up to the read lag ago. Of a response to a POST only the intent counts: by the time of the commit a
  -- person may have rotated by hand.
  local verified = is_read and int(v.read_ms - v.lag_ms) or int(tonumber(held.intent) or 0)
  local facts = { 'version', v.epoch, 'fingerprint', v.state, 'seq', seq, 'known', int(now_ms),
    'verified', verified, 'superseded', superseded_after(v, held), 'org', v.encoded_org }
  -- The earliest time at which the key can have been made: a request for a new key before that time is
  -- satisfied. A key that came back after there was none may be of any age.
  local is_new_read = is_read and held.fingerprint and held.fingerprint ~= v.state
  local is_replaced = is_new_read and v.cause ~= 'rollback' and is_key(v.state) and is_key(held.fingerprint)
  local rotated = not is_read and verified or is_replaced and held.verified
  if rotated then
    facts[#facts + 1], facts[#facts + 2] = 'rotated', rotated
  elseif is_new_read then
    write('HDEL', v.assistant, 'rotated')
  end
  if not held.fingerprint then
    facts[#facts + 1], facts[#facts + 2] = 'since', int(now_ms)
  end
  write('HSET', v.assistant, unpack(facts))
  if held.seen then forget_observation(v.assistant, v.assistant_id) end
  if is_new_read and v.cause == 'drift' then note_drift(v.org, now_ms) end
end

local function note_rollback(v, now_ms)
  -- The key that a rotation found is no longer in force.
  write('HDEL', v.assistant, 'satisfied')
  write('ZADD', PREFIX .. ':rollbacks', int(now_ms), v.assistant_id)
  write('ZREMRANGEBYRANK', PREFIX .. ':rollbacks', 0, -1001)
end

-- Puts the assistant in the index of its org.
local function index_assistant(v, held, now_ms)
  local is_moved = held.org ~= v.encoded_org
  if is_moved then
    if held.org then write('ZREM', PREFIX .. ':assistants:' .. held.org, v.assistant_id) end
    write('SADD', PREFIX .. ':orgs', v.org)
  end
  if is_moved or held.fingerprint == 'deleted' or v.id == '' then
    write('ZADD', PREFIX .. ':assistants:' .. v.encoded_org, int(now_ms), v.assistant_id)
  end
end

-- `org`: the one that the assistant was last published under. `response`: the text to keep of a response to a
-- POST. Returns seq and the stream entry.
local function publish_version(v, held, numbers, org, response, now_ms)
  local seq, event, entry = emit(numbers, v.head, v.tail, v.keep)
  write('SET', v.current, event)
  if response then note_response(v.org, response) end
  write_key_facts(v, held, seq, now_ms)
  if v.read_ms and is_key(v.state) and held.fingerprint ~= v.state then
    note_adopted(org, v.state, v.assistant_id)
  end
  if v.cause == 'rollback' then note_rollback(v, now_ms) end
  index_assistant(v, held, now_ms)
  if held.uncertain then
    write('HDEL', v.assistant, 'uncertain')
    write('HDEL', PREFIX .. ':uncertain', v.assistant_id)
  end
  if v.check_in_ms then
    -- Unlike `request_check`, not before that moment: an earlier check does not replace it. The epoch tells
    -- it from other checks of the assistant.
    local name = org_name(v.org) .. '/' .. v.assistant_id .. '/' .. v.epoch
    write('ZADD', PREFIX .. ':checks', int(now_ms + v.check_in_ms), name)
  end
  if v.ends_unknowns then write('HDEL', PREFIX .. ':ledger', 'run:' .. v.org, 'run_at:' .. v.org) end
  return seq, entry
end

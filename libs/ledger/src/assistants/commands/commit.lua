#!lua flags=allow-oom
-- Publishes key versions, each independently: current record, event, channel, and the state of the rotation.
-- It also runs while Redis is out of memory.
--
-- Keeps: versions of an assistant rise in the order of the stream; seq has no gaps; a rotation ends once. A
-- read does not contradict what has been known for less than the read lag. One of the last five superseded
-- keys is published again only when several reads agree on it, each later than the lag after the one before.
-- For more of an org at a time than its limit allows, and for a held org, no key or another key is never
-- published. The lease does not matter: a 200 commits as long as the intent that it answers is open and no
-- newer version was published. A claim that the ledger has lost with its last second does not matter either:
-- the 200 is then the only news of a key in force.
--
-- @each version
-- @key rotation: of a check: its assistant again
-- @key assistant
-- @key current: the current record
-- @key intents: the open intents of the org
-- @arg id text?: the rotation id; absent for a check
-- @arg epoch digits: also the version
-- @arg state text: a fingerprint, `no-key` or `deleted`
-- @arg cause text
-- @arg head text: the event before its numbers `seq` and `run`
-- @arg tail text: the event after them
-- @arg keep digits: the length of the stream
-- @arg committed_ms digits: as the worker computes Redis time for the event
-- @arg becomes text: `ends`; `satisfied`: the key is found, but the landing window is open; `continues`; or
--   the error code that the rotation fails with
-- @arg org text
-- @arg encoded_org text: percent-encoded
-- @arg assistant_id text
-- @arg read_ms number?: when the read began; absent for a response to a POST
-- @arg lag_ms number: how far a read may lag behind
-- @arg check_in_ms number?: when the assistant is checked again
-- @arg ends_unknowns flag: resets the consecutive unknown outcomes of the org
-- @arg recipients text?: the revision of the consumers at which the event was sealed
-- @arg confirm_ms number: for how long reads have to agree that there is no key
-- @arg max_percent number: the share of an org that may change before an operator decides
-- @arg noted text?: of a response to a POST: `since` if its record was changed since the POST left, `before`
--   if not. Of what a rotation reads: `before` if the record was last changed before the rotation began
-- @arg witnessed_ms number?: with no key: when another assistant of the org was read with its key
-- @reply DONE answers answer...: one for each version, in order
-- @answer COMMITTED seq number, entry text: `entry`: of the stream
-- @answer ALREADY seq number: the same commit arrived before; its response was lost
-- @answer REFUSED version number: another holds the claim, or a newer version is published: nothing was
--   written. For a response to a POST the assistant is read at once, because a key was made that is not
--   published
-- @answer OLD version number: the response to a POST has an earlier key, or that of another assistant, and
--   says nothing about the POST: nothing was written
-- @answer STALE version number, wait_ms number: the read shows a superseded key. It is noted; read again
-- @answer CONFIRMED: the same, and enough reads agree that the key is in force again: commit with the cause
--   `rollback`
-- @answer BEFORE: the key is in force, but older than the rotation: commit it as one that `continues`
-- @answer UNCONFIRMED wait_ms number: the read shows no key. It is noted; read again
-- @answer UNWITNESSED witness text: reads agree that there is no key. Read this other assistant of the org,
--   then this one again. If the other shows no key either, Invent shows no keys, or another org's. A read
--   from before the other's may be from a time when Invent showed none
-- @answer WITHHELD code text: too much of the org has changed, or the org is held: an operator decides
-- @answer RECIPIENTS: consumers were added or removed since it was sealed: nothing was written
-- @answer DOUBTED wait_ms number: the read may be older than what is published; read again
-- @answer BROKEN failure text: an entry has the wrong type: nothing was written
-- @include assistants/check
-- @include assistants/publish-version
-- @include assistants/superseded
-- @include bulks/count-succeeded
-- @include consumers/recipients-revision
-- @include listing/listed
-- @include rotations/assistant-name
-- @include rotations/close-intent
-- @include rotations/epoch
-- @include rotations/finish
-- @include scripts/call
-- @include scripts/decoded
-- @include scripts/event
-- @include scripts/number
-- @include time/now
-- @late assistants/judge-read

local now_ms = math.floor(now_us() / 1000)
local recipients = recipients_revision()
local numbers = {}
prepare_event(numbers)

-- By bulk: the indexes of assistants that succeeded, the positions of their answers, and the newest entry.
local succeeded = {}
local function note_success(position, bulk, index, entry)
  local of = succeeded[bulk] or { positions = {} }
  of[#of + 1], of.positions[#of.positions + 1], of.entry = index, position, entry
  succeeded[bulk] = of
end

-- Whether the claim or check that was committed is the one that the ledger knows.
local function is_entitled(version, held)
  if version.id == '' then return not held.holder and held.epoch == version.epoch end
  local is_lost_by_ledger = not held.holder and not version.read_ms
    and tonumber(version.epoch) > (tonumber(held.epoch) or 0)
  local is_same_claim = held.epoch == version.epoch or held.intent_epoch == version.epoch
  return is_lost_by_ledger or (held.holder == version.id and is_same_claim)
end

-- Why a response to a POST is not committed; or nil, and the text to keep of the response.
local function judge_post(version, held, published)
  if held.fingerprint then
    local is_superseded = string.find(held.superseded or '', short(version.state), 1, true)
    local is_known = held.fingerprint == version.state or is_superseded
    if is_known then return answer.OLD { version = int(published) } end
  end
  local is_before, note = judge_response(version.org, version.state, version.assistant_id, version.noted)
  if not is_before then return nil, note end
  note_response(version.org, note)
  return answer.OLD { version = int(published) }
end

-- Why a read is not committed; nil if it is.
local function judge_changed(version, held, org)
  if held.fingerprint == version.state then return nil end
  local refusal = judge_read(version, held, org, now_ms)
  if refusal then return refusal end
  local ends = version.becomes == 'ends' or version.becomes == 'satisfied'
  return version.noted == 'before' and ends and notes_changes(version.org) and answer.BEFORE or nil
end

-- Changes the state of the rotation.
local function advance_rotation(version, entry)
  local becomes, read_ms = version.becomes, version.read_ms and int(version.read_ms) or ''
  local bulk, index
  if becomes == 'satisfied' then
    write('HSET', version.assistant, 'satisfied', version.epoch)
    write('HSET', version.rotation, 'entry', entry, 'read', read_ms)
    -- Without an index: it has not ended, but its entry is the newest of its bulk.
    bulk = read('HGET', version.rotation, 'bulk')
  elseif becomes == 'ends' then
    close_intent(version.assistant, version.intents)
    bulk, index = finish(version.id, 'SUCCEEDED', version.committed_ms,
      { 'version', version.epoch, 'cause', version.cause, 'error', '', 'status', '', 'entry', entry,
        'read', read_ms }, nil, true)
  elseif becomes ~= 'continues' then
    close_intent(version.assistant, version.intents)
    finish(version.id, 'FAILED', version.committed_ms, { 'error', becomes }, becomes)
  end
  if bulk then note_success(version, bulk, index, entry) end
end

local function commit(version)
  wrote = false
  local held = record(version.assistant, 'holder', 'epoch', 'intent_epoch', 'version', 'seq', 'fingerprint',
    'superseded', 'known', 'org', 'uncertain', 'intent', 'verified', 'seen', 'since', 'rotated')
  local epoch = tonumber(version.epoch)
  -- A number that another client wrote meanwhile must not stop what answers a POST.
  local published = not is_beyond(held.version) and tonumber(held.version) or 0
  if published == epoch and held.fingerprint == version.state then
    return answer.ALREADY { seq = held.seq }
  end
  if not is_entitled(version, held) or epoch < published then
    if not version.read_ms then request_check(version.org, version.assistant_id, now_ms) end
    return answer.REFUSED { version = int(published) }
  end
  local org = held.org and decoded(held.org) or version.org
  local refusal, response
  if version.read_ms then
    refusal = judge_changed(version, held, org)
  else
    refusal, response = judge_post(version, held, published)
  end
  if refusal then return refusal end
  if version.recipients ~= '' and recipients ~= version.recipients then return answer.RECIPIENTS end

  local seq, entry = publish_version(version, held, numbers, org, response, now_ms)
  advance_rotation(version, entry)
  if version.state == 'deleted' then
    -- Kept for consumers to see, and then forgotten.
    write('ZREM', PREFIX .. ':assistants:' .. version.encoded_org, version.assistant_id)
    unlist_assistant(version.encoded_org, version.assistant_id)
    local versions = PREFIX .. ':versions:' .. name_of(version.assistant)
    for _, key in ipairs({ version.assistant, version.current, versions }) do
      write('EXPIRE', key, 30 * 86400)
    end
  elseif held.fingerprint == 'deleted' then
    write('PERSIST', version.assistant)
    write('PERSIST', PREFIX .. ':versions:' .. name_of(version.assistant))
  end
  return answer.COMMITTED { seq = seq, entry = entry }
end

local function broken(failure)
  return answer.BROKEN { failure = type(failure) == 'table' and failure.err or tostring(failure) }
end

local answers = {}
for i = 1, version_count do
  local is_done, result = pcall(commit, i)
  answers[i] = is_done and result or broken(result)
end
write_listed()
for bulk, of in pairs(succeeded) do
  local is_done, failure = pcall(count_succeeded, bulk, of, now_ms, of.entry)
  if not is_done then
    for _, position in ipairs(of.positions) do answers[position] = broken(failure) end
  end
end
return reply.DONE { answers = answers }

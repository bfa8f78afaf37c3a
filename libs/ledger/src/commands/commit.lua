#!lua flags=allow-oom
-- Publishes key versions, each by itself: current record, event, channel, and what becomes of the rotation. Also where Redis is short of memory.
--
-- KEYS  of each key version: 1 the rotation (of a check: its assistant again)   2 the assistant   3 the current record   4 the open intents of the org
-- ARGV  1 prefix; then, of each key version (counted with the prefix): 2 rotation id, or '' of a check  3 epoch, which is the version  4 key state: fingerprint, `no-key` or `deleted`  5 cause
--       6 event text before the number `seq`  7 event text after it  8 length to keep the stream at
--       9 when it was committed, as the worker reckons Redis time for the event (ms)
--       10 what becomes of the rotation: `ends`; `satisfied`, its key is found but the landing window is still open; `goes-on`; or
--          the error code that it fails with
--       11 org id  12 org id percent-encoded  13 assistant id
--       14 when the read began (ms), '' where it is the answer to a POST  15 ms that a read may lag behind
--       16 ms after which the assistant is to be checked again, or ''  17 '1' to forget the unknown outcomes in a row
--       18 at which revision of the consumers it was sealed
-- Returns {'DONE', {…}, …}, for each in order
--         {'COMMITTED', seq, entry of the stream}
--         {'ALREADY', seq}      the same commit arrived before (its answer was lost)
--         {'REFUSED', version}  the claim is another's, or a newer version is published: nothing was written. Of an answer to a
--                               POST: the assistant is read at once, for a key has been made that is not published
--         {'STALE', version}    what was read is a key that was superseded before: nothing was written
--         {'READERS'}           consumers were added or removed since: nothing was written
--         {'DOUBTED', ms}       what was read may be older than what is published; a read that begins after so many ms is not
--         {'BROKEN', error}     an entry of it has not the type that it should have; what was written by then stays
-- Keeps: versions of an assistant rise in the order of the stream; seq is dense; a rotation ends once; a key that was read is
-- never one of the last five that were superseded (Invent makes keys anew, so that it can only be a read behind the POST), and
-- says nothing against what has been known for a shorter time than reads may lag behind.
-- The lease does not matter: a 200 commits as long as the intent that it answers is open. Nor does it matter that the ledger
-- never heard of the claim, for it may have lost its last second: a 200 is then the only news of a key that is in force.

local now_ms, readers = math.floor(now_us() / 1000), nil

local function commit(KEYS, ARGV)
  local id, epoch, state, cause, becomes = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[10]
  local version = tonumber(epoch)

  local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch', 'intent_epoch', 'version', 'seq', 'fingerprint', 'superseded', 'known',
    'org', 'uncertain', 'intent', 'verified')
  local published = tonumber(held[4]) or 0
  if published == version then return { 'ALREADY', held[5] } end

  local entitled
  if id == '' then
    entitled = not held[1] and held[2] == epoch
  else
    local lost_by_ledger = not held[1] and ARGV[14] == '' and version > (tonumber(held[2]) or 0)
    entitled = lost_by_ledger or (held[1] == id and (held[2] == epoch or held[3] == epoch))
  end
  if not entitled or version < published then
    if ARGV[14] == '' then request_check(ARGV[11], ARGV[13], now_ms) end
    return { 'REFUSED', int(published) }
  end

  local superseded = held[7] or ''
  if ARGV[14] ~= '' and held[6] and held[6] ~= state then
    if was_superseded(state, held[6], superseded) then return { 'STALE', int(published) } end
    local known = tonumber(held[8]) or 0
    local doubted = left(known + tonumber(ARGV[15]) - tonumber(ARGV[14]), 0, tonumber(ARGV[15]))
    if doubted > 0 then return { 'DOUBTED', int(doubted) } end
  end
  -- One that came back is there already.
  if is_key(held[6]) and held[6] ~= state and string.sub(superseded, 1, 11) ~= short(held[6]) then
    superseded = string.sub(short(held[6]) .. ',' .. superseded, 1, 59)
  end

  readers = readers or readers_revision()
  if readers ~= ARGV[18] then return { 'READERS' } end
  local seq, event, entry = emit(ARGV[6], ARGV[7], ARGV[8])
  redis.call('SET', KEYS[3], event)
  -- It was made before `known`, and whatever supersedes it is made after `verified`: a read that lags behind shows what was in force some
  -- time ago, and by the time that the answer to a POST is committed somebody may have rotated by hand: what counts is its intent.
  local verified = ARGV[14] == '' and int(tonumber(held[11]) or 0) or int(tonumber(ARGV[14]) - tonumber(ARGV[15]))
  local facts = { 'version', epoch, 'fingerprint', state, 'seq', seq, 'known', int(now_ms), 'verified', verified, 'superseded', superseded, 'org', ARGV[12] }
  -- The earliest moment at which the key can have been made: whoever asked for a new one before has got it. One that came back after there was
  -- none may be as old as can be.
  local read_anew = ARGV[14] ~= '' and held[6] and held[6] ~= state
  local rotated = ARGV[14] == '' and verified or read_anew and is_key(state) and is_key(held[6]) and held[12]
  if rotated then
    facts[#facts + 1], facts[#facts + 2] = 'rotated', rotated
  elseif read_anew then
    redis.call('HDEL', KEYS[2], 'rotated')
  end
  redis.call('HSET', KEYS[2], unpack(facts))
  if read_anew and cause == 'drift' then note_drift(ARGV[11], now_ms) end
  if held[9] ~= ARGV[12] then
    if held[9] then redis.call('ZREM', PREFIX .. ':assistants:' .. held[9], ARGV[13]) end
    redis.call('SADD', PREFIX .. ':orgs', ARGV[11])
  end
  if held[9] ~= ARGV[12] or held[6] == 'deleted' or id == '' then redis.call('ZADD', PREFIX .. ':assistants:' .. ARGV[12], int(now_ms), ARGV[13]) end
  if held[10] then
    redis.call('HDEL', KEYS[2], 'uncertain')
    redis.call('HDEL', PREFIX .. ':uncertain', ARGV[13])
  end
  if ARGV[16] ~= '' then request_later_check(ARGV[11], ARGV[13], now_ms + tonumber(ARGV[16]), epoch) end
  if ARGV[17] == '1' then redis.call('HDEL', PREFIX .. ':ledger', 'run:' .. ARGV[11], 'run_at:' .. ARGV[11]) end

  if becomes == 'satisfied' then
    redis.call('HSET', KEYS[2], 'satisfied', epoch)
    redis.call('HSET', KEYS[1], 'entry', entry)
    local bulk = redis.call('HGET', KEYS[1], 'bulk')
    -- Without an index: it has not ended, but its entry is the newest of its bulk.
    if bulk then gathered[#gathered + 1] = { bulk = bulk, entry = entry } end
  elseif becomes == 'ends' then
    hand_back(KEYS[2], KEYS[4])
    finish(id, 'SUCCEEDED', ARGV[9], 'version', epoch, 'cause', cause, 'error', '', 'status', '', 'entry', entry)
  elseif becomes ~= 'goes-on' then
    hand_back(KEYS[2], KEYS[4])
    finish(id, 'FAILED', ARGV[9], 'error', becomes)
  end

  if state == 'deleted' then
    -- Kept for consumers to see, and then forgotten.
    redis.call('ZREM', PREFIX .. ':assistants:' .. ARGV[12], ARGV[13])
    for _, key in ipairs({ KEYS[2], KEYS[3] }) do redis.call('EXPIRE', key, 30 * 86400) end
  elseif held[6] == 'deleted' then
    redis.call('PERSIST', KEYS[2])
  end
  return { 'COMMITTED', seq, entry }
end

local function broken(failure)
  return { 'BROKEN', type(failure) == 'table' and failure.err or tostring(failure) }
end

local KEYS_EACH, ARGS_EACH = 4, 17
local answers, ended = { 'DONE' }, {}
for i = 0, #KEYS / KEYS_EACH - 1 do
  gathered = {}
  local keys = { unpack(KEYS, i * KEYS_EACH + 1, (i + 1) * KEYS_EACH) }
  local whole, answer = pcall(commit, keys, { PREFIX, unpack(ARGV, i * ARGS_EACH + 2, (i + 1) * ARGS_EACH + 1) })
  answers[#answers + 1] = whole and answer or broken(answer)
  for _, item in ipairs(gathered) do
    local of = ended[item.bulk] or { answers = {} }
    of[#of + 1], of.answers[#of.answers + 1], of.entry = item.index, #answers, item.entry
    ended[item.bulk] = of
  end
end
for bulk, of in pairs(ended) do
  local told, failure = pcall(end_well, bulk, of, now_ms, of.entry)
  if not told then
    for _, at in ipairs(of.answers) do answers[at] = broken(failure) end
  end
end
return answers

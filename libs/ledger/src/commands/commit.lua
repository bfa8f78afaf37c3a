-- Publishes a new key version: current record, event, channel, and the end of the rotation where it is one.
--
-- KEYS  1 the rotation   2 its assistant   3 the current record   4 the event stream   5 the sequence
-- ARGV  1 prefix  2 rotation id  3 epoch  4 version  5 fingerprint  6 cause
--       7 event text before the number `seq`  8 event text after it  9 length to keep the stream at
--      10 now ms, as the worker reckons Redis time from its claim
--      11 what becomes of the rotation: `ends`; `satisfied`, its key is found but the landing window is still open; `goes-on`
-- Returns {'COMMITTED', seq}
--         {'ALREADY', seq}      the same commit arrived before (its answer was lost)
--         {'REFUSED', version}  the claim is another's, or a newer version is published: nothing was written
--         {'STALE', version}    what was read is a key that was superseded before: nothing was written
-- Keeps: versions of an assistant rise in the order of the stream; seq is dense; a rotation ends once; a key that was read is
-- never one of the last five that were superseded (Invent makes keys anew, so that it can only be a read behind the POST).
-- The lease does not matter: a 200 commits as long as the intent that it answers is open. Nor does it matter that the ledger
-- never heard of the claim, for it may have lost its last second: a 200 is then the only news of a key that is in force.

local id, epoch, version, cause = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[6]

local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch', 'intent_epoch', 'version', 'seq', 'fingerprint', 'superseded')
local published = tonumber(held[4]) or 0
if published == version then return { 'ALREADY', held[5] } end
local entitled = held[1] == id and (held[2] == epoch or held[3] == epoch)
local lost_by_ledger = not held[1] and cause == 'rotation' and version > (tonumber(held[2]) or 0)
entitled = entitled or lost_by_ledger
if not entitled or version < published then return { 'REFUSED', int(published) } end

-- A fingerprint is KEYID:HASH; eleven characters of the hash tell a handful apart, and five of them stay in a small hash.
local function short(fingerprint)
  return string.sub(fingerprint, -11)
end
local superseded = held[7] or ''
if cause ~= 'rotation' and string.find(superseded, short(ARGV[5]), 1, true) then return { 'STALE', int(published) } end
if held[6] and held[6] ~= ARGV[5] then superseded = string.sub(short(held[6]) .. ',' .. superseded, 1, 59) end

local seq = int(redis.call('INCR', KEYS[5]))
local event = ARGV[7] .. seq .. ARGV[8]
redis.call('SET', KEYS[3], event)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[9], '*', 'event', event)
redis.call('PUBLISH', KEYS[4], event)
redis.call('HSET', KEYS[2], 'version', ARGV[4], 'fingerprint', ARGV[5], 'seq', seq, 'verified', ARGV[10], 'superseded', superseded)

if ARGV[11] == 'satisfied' then
  redis.call('HSET', KEYS[2], 'satisfied', ARGV[4])
elseif ARGV[11] == 'ends' then
  hand_back(KEYS[2])
  finish(id, 'SUCCEEDED', ARGV[10], 'version', ARGV[4], 'cause', cause, 'error', '', 'status', '')
end
return { 'COMMITTED', seq }

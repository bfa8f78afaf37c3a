#!lua flags=allow-oom
-- Notes that it is not known whether the POST of a rotation took effect. The intent stays open. The first
-- time, consumers are told; and again if a version was published since and reads show an older key than that.
--
-- KEYS  1 the rotation   2 its assistant   3 the ledger's own facts
-- ARGV  1 prefix  2 rotation id  3 epoch  4 upstream status or ''  5 ms until the assistant is read next
--       6 ms that the claim is kept on (0: handed back until then)  7 why the last read failed, an error code, or ''
--       8 '1' where reading cannot succeed until somebody acts  9 event text before its numbers (`seq`, `run`)  10 event text after it
--       11 length to keep the stream at  12 org id  13 assistant id  14 '1' where the worker that sent it is gone: that says nothing of upstream
--       15 at which revision of the consumers the event was sealed
--       16 why a later POST would fare no better until an operator acts, an error code, or ''. It stays with the rotation
-- Returns {'NOTED'}, {'REFUSED'} (the claim is another's: nothing was written) or {'READERS'} (an event is due, and consumers were added or removed
-- since it was sealed: nothing was written)
-- Keeps: where a key was published, `key-uncertain` comes once before the next version, and stands in the
-- hash of the uncertain.

local id, epoch = ARGV[2], ARGV[3]

local held = read('HMGET', KEYS[2], 'holder', 'epoch', 'version', 'uncertain')
if held[1] ~= id or held[2] ~= epoch then return { 'REFUSED' } end

local now_ms = math.floor(now_us() / 1000)
local rotation = read('HMGET', KEYS[1], 'state', 'since', 'bulk', 'blocked')
local noted = rotation[1] == 'RECONCILING'
local blocked = ARGV[16] ~= '' and ARGV[16] or rotation[4] or ''
local tells = (not noted or ARGV[7] == 'STALE_READ') and held[3] and not held[4]
if tells and readers_revision() ~= ARGV[15] then return { 'READERS' } end
if tells then prepare_event() end
write('HSET', KEYS[2], 'lease', int(now_ms + tonumber(ARGV[6])))
move(id, 'RECONCILING', int(now_ms), 'since', noted and rotation[2] or int(now_ms), 'next', int(now_ms + tonumber(ARGV[5])),
  'error', 'OUTCOME_UNKNOWN', 'status', ARGV[4], 'read_error', ARGV[7] ~= '' and ARGV[7] or blocked, 'operator', blocked ~= '' and '1' or ARGV[8])
if ARGV[16] ~= '' then write('HSET', KEYS[1], 'blocked', blocked) end
-- The next assistant of the bulk would fare no better, unless it is the record of this one alone. One answer
-- that cannot be decoded may be an accident on the way: the read-back has to be unreadable too.
local halts = ARGV[16] ~= '' and blocked ~= 'RECORD_TOO_LARGE' and blocked ~= 'ANSWER_UNREADABLE'
if blocked == 'ANSWER_UNREADABLE' then halts = ARGV[7] == blocked end
if halts and rotation[3] and read('HGET', bulk_key(rotation[3]), 'state') == 'RUNNING' then
  stop_bulk(rotation[3], 'HALTED', blocked, now_ms)
end
if not noted then
  if ARGV[14] ~= '1' then
    local org = org_name(ARGV[12])
    write('HINCRBY', KEYS[3], 'run:' .. org, 1)
    write('HSET', KEYS[3], 'run_at:' .. org, int(now_ms))
  end
end
if tells then
  local seq, event = emit(ARGV[9], ARGV[10], ARGV[11])
  write('HSET', KEYS[2], 'uncertain', seq)
  write('HSET', PREFIX .. ':uncertain', ARGV[13], event)
end
if rotation[3] then note_unknown_item(id, rotation[3], not noted, ARGV[14] == '1', ARGV[7], now_ms) end
return { 'NOTED' }

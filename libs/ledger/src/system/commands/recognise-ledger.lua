#!lua flags=allow-oom
-- Recognises the ledger: gives a new one its id, binds it to the key that its fingerprints are made with (the
-- first worker decides), and notes when the ledger that a process knew has vanished. From then on claim.lua
-- and bulk-claim.lua let no request leave until an operator has adopted the new one.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 fingerprint key id, or '' of a process that has none  3 an id for a new ledger  4 the id that the process knows, or ''
--       5 '1' if a ledger that vanished may begin anew  6 what the ledger held when the process last looked, as JSON, or ''
-- Returns {'BOUND', fingerprint key id of the ledger or '', its id, ms since when it is lost or '', '1' if it has just begun}
-- Keeps: a ledger that vanished never passes for a new one. It has vanished if a process remembers another
-- id, or if it left anything behind.

local REMAINS = { 'orgs', 'seq', 'events', 'consumers', 'policies', 'bulks', 'rotations:SUCCEEDED', 'rotations:FAILED' }

local function has_remains()
  for _, name in ipairs(REMAINS) do
    if read('EXISTS', PREFIX .. ':' .. name) == 1 then return true end
  end
  return false
end

-- The fingerprint key of what was published, for a ledger that has lost its own note of it.
local function key_of_remains()
  for _, org in ipairs(redis.pcall('SMEMBERS', PREFIX .. ':orgs')) do
    for _, assistant in ipairs(redis.pcall('ZRANGE', PREFIX .. ':assistants:' .. encoded(org), 0, 9)) do
      local fingerprint = redis.pcall('HGET', PREFIX .. ':assistant:' .. encoded(assistant), 'fingerprint')
      local key = type(fingerprint) == 'string' and string.match(fingerprint, '^(.+):')
      if key then return key end
    end
  end
end

local key, known, may_begin = ARGV[2], ARGV[4], ARGV[5] == '1'
local facts = read('HMGET', KEYS[1], 'fingerprint_key', 'id', 'lost', 'adopted')
local bound, id, lost, adopted = facts[1], facts[2], facts[3], facts[4]
local began = ''

local function note_lost()
  if may_begin then
    write('HSET', KEYS[1], 'adopted', id)
  else
    lost = int(math.floor(now_us() / 1000))
    write('HSET', KEYS[1], 'lost', lost)
    if ARGV[6] ~= '' then write('HSET', KEYS[1], 'before', ARGV[6]) end
  end
end

if not id then
  -- One of an older version has a bound key, and no id.
  local vanished = known ~= '' or (not bound and has_remains())
  id, began = ARGV[3], '1'
  write('HSET', KEYS[1], 'id', id, 'begun', int(math.floor(now_us() / 1000)))
  if vanished then note_lost() end
elseif known ~= '' and known ~= id and not lost and adopted ~= id then
  note_lost()
elseif lost and may_begin then
  write('HDEL', KEYS[1], 'lost', 'before')
  write('HSET', KEYS[1], 'adopted', id)
  lost = false
end
-- Whoever marked it lost may have remembered less.
if lost and ARGV[6] ~= '' then write('HSETNX', KEYS[1], 'before', ARGV[6]) end

if not bound and key ~= '' then
  bound = key_of_remains() or key
  write('HSET', KEYS[1], 'fingerprint_key', bound)
end
return { 'BOUND', bound or '', id, lost or '', began }

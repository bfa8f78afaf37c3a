#!lua flags=allow-oom
-- Recognises the ledger: gives a new ledger its id, binds it to the key that its fingerprints are made with
-- (the first worker decides), and notes if the ledger that a process knew has vanished. From then on `claim`
-- and `bulk-claim` let no request leave until an operator has adopted the new one.
--
-- Keeps: a ledger that vanished never passes for a new one. It has vanished if a process remembers another
-- id, or if it left anything behind.
--
-- @key ledger: the ledger's own facts
-- @arg key_id text?: of the fingerprint key; absent for a process that has none
-- @arg new_id text: for a new ledger
-- @arg known_id text?: the ledger that the process knows
-- @arg may_begin flag: a ledger that vanished may begin anew
-- @arg holdings text?: what the ledger held when the process last looked, as JSON
-- @reply BOUND bound_to text?, id text, lost_ms number?, began flag: `bound_to`: the fingerprint key of the
--   ledger. `lost_ms`: since when it is lost. `began`: this call has begun it
-- @include activity/record
-- @include scripts/call
-- @include scripts/encoded
-- @include scripts/number
-- @include time/now

local REMAINS = {
  'orgs', 'seq', 'events', 'consumers', 'policies', 'bulks', 'rotations:SUCCEEDED', 'rotations:FAILED',
}

local function has_remains()
  for _, name in ipairs(REMAINS) do
    if read('EXISTS', PREFIX .. ':' .. name) == 1 then return true end
  end
  return false
end

-- The fingerprint key of what was published, for a ledger that has lost its own note of it.
local function key_of_remains()
  for _, org in ipairs(redis.pcall('SRANDMEMBER', PREFIX .. ':orgs', 1000)) do
    for _, assistant in ipairs(redis.pcall('ZRANGE', PREFIX .. ':assistants:' .. encoded(org), 0, 9)) do
      local fingerprint = redis.pcall('HGET', PREFIX .. ':assistant:' .. encoded(assistant), 'fingerprint')
      local key = type(fingerprint) == 'string' and string.match(fingerprint, '^(.+):')
      if key then return key end
    end
  end
end

local bound, id, lost, adopted = fields(ledger, { bound = 'fingerprint_key' })
local began = false

local function record_adopted()
  record_activity('system:ledger', 'ledger.adopted', 'target', 'system:ledger', 'before', 'LOST', 'after', id)
end

local function note_lost()
  if may_begin then
    write('HSET', ledger, 'adopted', id)
    record_adopted()
  else
    lost = int(math.floor(now_us() / 1000))
    write('HSET', ledger, 'lost', lost)
    if holdings ~= '' then write('HSET', ledger, 'before', holdings) end
    record_activity('system:ledger', 'ledger.lost', 'target', 'system:ledger', 'before', known_id,
      'after', 'LOST')
  end
end

if not id then
  -- A ledger of an older version has a bound key, and no id.
  local has_vanished = known_id ~= '' or (not bound and has_remains())
  id, began = new_id, true
  write('HSET', ledger, 'id', id, 'begun', int(math.floor(now_us() / 1000)))
  if has_vanished then note_lost() end
elseif known_id ~= '' and known_id ~= id and not lost and adopted ~= id then
  note_lost()
elseif lost and may_begin then
  write('HDEL', ledger, 'lost', 'before')
  write('HSET', ledger, 'adopted', id)
  record_adopted()
  lost = false
end
-- The process that marked it lost may have remembered less.
if lost and holdings ~= '' then write('HSETNX', ledger, 'before', holdings) end

if not bound and key_id ~= '' then
  bound = key_of_remains() or key_id
  write('HSET', ledger, 'fingerprint_key', bound)
end
return reply.BOUND { bound_to = bound, id = id, lost_ms = lost, began = began }

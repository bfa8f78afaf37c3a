#!lua flags=allow-oom
-- Notes which org `c` stands for, and renames what the ledger keeps under `c` that is small: the budget of
-- unknown outcomes, drift, holds, bulk rotations, policies, a queued sweep. Rotations are renamed by
-- org-adopt.lua, key versions by org-move.lua.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 org id  3 how it is known: `configured` or `learned`
-- Returns {'NOTED'}
--         {'KNOWN'}                                  it was noted before
--         {'CONTRADICTS', org id, how, since (ms)}   another org was noted before: nothing was written
-- Keeps: `c` gets its meaning once. From this command on all others translate it (`org_name`), and a worker
-- that sealed an event under `c` has to seal it again: it raises the revision of the readers.

local facts, org = KEYS[1], ARGV[2]

local known = read('HMGET', facts, 'alias', 'alias_how', 'alias_at')
if known[1] == org then return { 'KNOWN' } end
if known[1] then return { 'CONTRADICTS', known[1], known[2] or '', known[3] or '' } end

-- What cannot be read stops it before anything is written: nobody would rename it later.
local of_c, of_org = PREFIX .. ':intents:c', PREFIX .. ':intents:' .. encoded(org)
local changes_of_c, changes_of_org = PREFIX .. ':changes:c', PREFIX .. ':changes:' .. encoded(org)
local queued = PREFIX .. ':sweeps:QUEUED'
for _, key in ipairs({ of_c, of_org, changes_of_c, changes_of_org }) do read('ZCARD', key) end
local bulks, policies = read('ZRANGE', PREFIX .. ':bulks', 0, -1), read('ZRANGE', PREFIX .. ':policies', 0, -1)
local sweep = read('HGET', queued, 'c')

local now_ms = math.floor(now_us() / 1000)
write('HSET', facts, 'alias', org, 'alias_how', ARGV[3], 'alias_at', int(now_ms))
write('HDEL', facts, 'alias_conflict')
write('HINCRBY', facts, 'consumers', 1)
write('HINCRBY', facts, 'readers', 1)

-- A lost request counts once, and for as long as the longer of the two names had it.
if read('EXISTS', of_c) == 1 then
  write('ZUNIONSTORE', of_org, 2, of_org, of_c, 'AGGREGATE', 'MAX')
  write('DEL', of_c)
end
for _, counted in ipairs({ 'run', 'drift' }) do
  local name, at = counted .. ':', counted .. '_at:'
  local fields = read('HMGET', facts, name .. 'c', at .. 'c', at .. org)
  if fields[1] then
    write('HINCRBY', facts, name .. org, fields[1])
    write('HSET', facts, at .. org, int(math.max(tonumber(fields[2]) or 0, tonumber(fields[3]) or 0)))
    write('HDEL', facts, name .. 'c', at .. 'c')
  end
end

local held = redis.pcall('HGET', PREFIX .. ':held', 'c')
if type(held) == 'string' then
  write('HSETNX', PREFIX .. ':held', org, held)
  write('HDEL', PREFIX .. ':held', 'c')
end

-- How much of the org may change is judged by all that is known of it, under either name.
local function count_of(name)
  local key = PREFIX .. ':assistants:' .. encoded(name)
  return redis.call('TYPE', key).ok == 'zset' and read('ZCARD', key) or 0
end
if write('HDEL', PREFIX .. ':known', 'c', org) > 0 then write('HSET', PREFIX .. ':known', org, int(count_of('c') + count_of(org))) end
local accepted = read('HGET', PREFIX .. ':accepted', 'c')
if accepted then
  write('HSETNX', PREFIX .. ':accepted', org, accepted)
  write('HDEL', PREFIX .. ':accepted', 'c')
end
if read('EXISTS', changes_of_c) == 1 then
  write('ZUNIONSTORE', changes_of_org, 2, changes_of_org, changes_of_c, 'AGGREGATE', 'MAX')
  write('DEL', changes_of_c)
end
-- Keys that were found changed lately: they are forgotten within the hour, and then found to be one key
-- again.
write('DEL', PREFIX .. ':adopted:c')
write('HDEL', PREFIX .. ':answers', 'c')

-- An entry that cannot be read stays as it is: it must not stop the others.
local function rename(key)
  if redis.pcall('HGET', key, 'org') == 'c' then write('HSET', key, 'org', org) end
end
for _, id in ipairs(bulks) do rename(bulk_key(id)) end
for _, id in ipairs(policies) do rename(PREFIX .. ':policy:' .. id) end

if sweep then
  rename(PREFIX .. ':sweep:' .. sweep)
  write('HSETNX', queued, org, sweep)
  write('HDEL', queued, 'c')
end
return { 'NOTED' }

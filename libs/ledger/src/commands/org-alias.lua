#!lua flags=allow-oom
-- Notes which org `c` stands for, and renames what the ledger keeps under `c` that is small: the budget of unknown outcomes, drift, holds,
-- bulk rotations, policies, a queued sweep. Rotations are renamed by org-adopt.lua, key versions by org-move.lua.
--
-- KEYS  1 the ledger's own facts
-- ARGV  1 prefix  2 org id  3 how it is known: `configured` or `learned`
-- Returns {'NOTED'}
--         {'KNOWN'}                                  it was noted before
--         {'CONTRADICTS', org id, how, since (ms)}   another org was noted before: nothing was written
-- Keeps: `c` gets its meaning once. From this command on all others translate it (`org_name`), and a worker that sealed an event under `c`
-- has to seal it again: it raises the revision of the readers.

local facts, org = KEYS[1], ARGV[2]

local known = redis.call('HMGET', facts, 'alias', 'alias_how', 'alias_at')
if known[1] == org then return { 'KNOWN' } end
if known[1] then return { 'CONTRADICTS', known[1], known[2] or '', known[3] or '' } end

local now_ms = math.floor(now_us() / 1000)
redis.call('HSET', facts, 'alias', org, 'alias_how', ARGV[3], 'alias_at', int(now_ms))
redis.call('HDEL', facts, 'alias_conflict')
redis.call('HINCRBY', facts, 'consumers', 1)
redis.call('HINCRBY', facts, 'readers', 1)

-- A lost request counts once, and for as long as the longer of the two names had it.
local of_c, of_org = PREFIX .. ':intents:c', PREFIX .. ':intents:' .. encoded(org)
if redis.call('EXISTS', of_c) == 1 then
  redis.call('ZUNIONSTORE', of_org, 2, of_org, of_c, 'AGGREGATE', 'MAX')
  redis.call('DEL', of_c)
end
for _, counted in ipairs({ 'run', 'drift' }) do
  local name, at = counted .. ':', counted .. '_at:'
  local fields = redis.call('HMGET', facts, name .. 'c', at .. 'c', at .. org)
  if fields[1] then
    redis.call('HINCRBY', facts, name .. org, fields[1])
    redis.call('HSET', facts, at .. org, int(math.max(tonumber(fields[2]) or 0, tonumber(fields[3]) or 0)))
    redis.call('HDEL', facts, name .. 'c', at .. 'c')
  end
end

local held = redis.pcall('HGET', PREFIX .. ':held', 'c')
if type(held) == 'string' then
  redis.call('HSETNX', PREFIX .. ':held', org, held)
  redis.call('HDEL', PREFIX .. ':held', 'c')
end

-- How much of the org may change is judged by all that is known of it, under either name.
local function count_of(name)
  local key = PREFIX .. ':assistants:' .. encoded(name)
  return redis.call('TYPE', key).ok == 'zset' and redis.call('ZCARD', key) or 0
end
if redis.call('HDEL', PREFIX .. ':known', 'c', org) > 0 then redis.call('HSET', PREFIX .. ':known', org, int(count_of('c') + count_of(org))) end
local accepted = redis.call('HGET', PREFIX .. ':accepted', 'c')
if accepted then
  redis.call('HSETNX', PREFIX .. ':accepted', org, accepted)
  redis.call('HDEL', PREFIX .. ':accepted', 'c')
end
local changes_of_c, changes_of_org = PREFIX .. ':changes:c', PREFIX .. ':changes:' .. encoded(org)
if redis.call('EXISTS', changes_of_c) == 1 then
  redis.call('ZUNIONSTORE', changes_of_org, 2, changes_of_org, changes_of_c, 'AGGREGATE', 'MAX')
  redis.call('DEL', changes_of_c)
end
-- Keys that were found changed lately: they are forgotten within the hour, and then found to be one key again.
redis.call('DEL', PREFIX .. ':adopted:c')
redis.call('HDEL', PREFIX .. ':answers', 'c')

-- An entry that cannot be read stays as it is: it must not stop the others.
local function rename(key)
  if redis.pcall('HGET', key, 'org') == 'c' then redis.call('HSET', key, 'org', org) end
end
for _, id in ipairs(redis.call('ZRANGE', PREFIX .. ':bulks', 0, -1)) do rename(bulk_key(id)) end
for _, id in ipairs(redis.call('ZRANGE', PREFIX .. ':policies', 0, -1)) do rename(PREFIX .. ':policy:' .. id) end

local queued = PREFIX .. ':sweeps:QUEUED'
local sweep = redis.call('HGET', queued, 'c')
if sweep then
  rename(PREFIX .. ':sweep:' .. sweep)
  redis.call('HSETNX', queued, org, sweep)
  redis.call('HDEL', queued, 'c')
end
return { 'NOTED' }

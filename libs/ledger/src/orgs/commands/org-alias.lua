#!lua flags=allow-oom
-- Notes which org `c` stands for, and renames what the ledger keeps under `c` that is small: the budget of
-- unknown outcomes, drift, holds, bulk rotations, policies, a queued sweep. Rotations are renamed by
-- org-adopt.lua, key versions by checks.
--
-- Keeps: `c` gets its meaning once: the registry's manifest proves it, and what stands in the ledger without
-- a proof is replaced. From this command on all others translate it (`org_name`). It raises the
-- revision of the consumers, so that a worker that sealed an event under `c` seals it again.
--
-- @key ledger: the ledger's own facts
-- @key registry: the manifest
-- @arg org text
-- @arg how configured|learned: how it is known
-- @arg seen text: the SHA-1 of the manifest as it was seen; `none` if there was none that can be read
-- @arg manifest text: it proves the org
-- @reply NOTED
-- @reply KNOWN: it was noted before
-- @reply CHANGED: the manifest is not as it was seen: nothing was written
-- @include activity/record
-- @include bulks/bulk
-- @include consumers/recipients-revision
-- @include registry/seen
-- @include scripts/call
-- @include scripts/encoded
-- @include scripts/number
-- @include scripts/publish
-- @include time/now

if manifest_seen(registry) ~= seen then return reply.CHANGED end
if read('HGET', ledger, 'alias') == org then
  write('SET', registry, manifest)
  publish('registry-written', manifest)
  return reply.KNOWN
end

-- These stop the command before it writes anything, if they cannot be read: no later command would rename
-- them.
local of_c, of_org = PREFIX .. ':intents:c', PREFIX .. ':intents:' .. encoded(org)
local changes_of_c, changes_of_org = PREFIX .. ':changes:c', PREFIX .. ':changes:' .. encoded(org)
local queued = PREFIX .. ':sweeps:QUEUED'
for _, key in ipairs({ of_c, of_org, changes_of_c, changes_of_org }) do read('ZCARD', key) end
local bulks = read('ZRANGE', PREFIX .. ':bulks', 0, -1)
local policies = read('ZRANGE', PREFIX .. ':policies', 0, -1)
local sweep = read('HGET', queued, 'c')

local now_ms = math.floor(now_us() / 1000)
write('SET', registry, manifest)
publish('registry-written', manifest)
write('HSET', ledger, 'alias', org, 'alias_how', how, 'alias_at', int(now_ms))
write('HDEL', ledger, 'alias_conflict')
write('HINCRBY', ledger, 'consumers', 1)
raise_recipients_revision()

-- A lost request counts once, and for the longer of the times that it had under the two names.
if read('EXISTS', of_c) == 1 then
  write('ZUNIONSTORE', of_org, 2, of_org, of_c, 'AGGREGATE', 'MAX')
  write('DEL', of_c)
end
for _, counted in ipairs({ 'run', 'drift' }) do
  local name, at = counted .. ':', counted .. '_at:'
  local count, at_of_c, at_of_org = unpack(read('HMGET', ledger, name .. 'c', at .. 'c', at .. org))
  if count then
    write('HINCRBY', ledger, name .. org, count)
    write('HSET', ledger, at .. org, int(math.max(tonumber(at_of_c) or 0, tonumber(at_of_org) or 0)))
    write('HDEL', ledger, name .. 'c', at .. 'c')
  end
end

local hold = redis.pcall('HGET', PREFIX .. ':held', 'c')
if type(hold) == 'string' then
  write('HSETNX', PREFIX .. ':held', org, hold)
  write('HDEL', PREFIX .. ':held', 'c')
end

-- The limit of changes depends on all that is known of the org, under either name.
local function count_of(name)
  local key = PREFIX .. ':assistants:' .. encoded(name)
  return redis.call('TYPE', key).ok == 'zset' and read('ZCARD', key) or 0
end
if write('HDEL', PREFIX .. ':known', 'c', org) > 0 then
  write('HSET', PREFIX .. ':known', org, int(count_of('c') + count_of(org)))
end
local accepted = read('HGET', PREFIX .. ':accepted', 'c')
if accepted then
  write('HSETNX', PREFIX .. ':accepted', org, accepted)
  write('HDEL', PREFIX .. ':accepted', 'c')
end
if read('EXISTS', changes_of_c) == 1 then
  write('ZUNIONSTORE', changes_of_org, 2, changes_of_org, changes_of_c, 'AGGREGATE', 'MAX')
  write('DEL', changes_of_c)
end
-- Keys that were lately found changed: they are forgotten within the hour, and a key that several assistants
-- show is found again.
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
record_activity('system:orgs', 'org.learned', 'org', org, 'target', 'org:' .. org, 'reason', how,
  'before', 'c', 'after', org)
return reply.NOTED

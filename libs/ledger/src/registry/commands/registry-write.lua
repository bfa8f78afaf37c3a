#!lua flags=allow-oom
-- Replaces the registry's manifest and the entries that changed, if the manifest still is as the caller has
-- seen it. Runs also while Redis is out of memory: to remove a consumer must be possible then.
--
-- Keeps: manifest and entries change together; no write overwrites another; an event that was sealed for
-- other recipients is refused from now on; every process that listens gets the manifest in the same step, so
-- that nobody who writes to Redis can put the old one back before it was read.
--
-- @key consumers
-- @key registry: the manifest
-- @key ledger: the ledger's own facts
-- @arg seen text: the SHA-1 of the manifest as it was seen; `none` if there was none that can be read
-- @arg manifest text
-- @arg reseals flag: records are sealed for other recipients from now on
-- @arg head text?: the event before its numbers `seq` and `run`; absent for no event
-- @arg tail text?: the event after them
-- @arg keep digits: the length of the stream
-- @arg what added|orgs-set|removed|granted|trusted|token-created|token-revoked|other: what the
--   change is; `other`: it has no record of activity
-- @arg target text?: of the record of activity, as the three that follow
-- @arg org text?
-- @arg before text?
-- @arg after text?
-- @actor
-- @each record
-- @arg name text
-- @arg text text?: absent to remove it
-- @reply WRITTEN
-- @reply CHANGED: the manifest is not as it was seen: nothing was written
-- @include activity/record
-- @include consumers/recipients-revision
-- @include registry/seen
-- @include scripts/call
-- @include scripts/event
-- @include scripts/publish

if manifest_seen(registry) ~= seen then return reply.CHANGED end
local numbers = {}
if head ~= '' then prepare_event(numbers) end
local kind = redis.call('TYPE', consumers).ok
if kind ~= 'hash' and kind ~= 'none' then write('DEL', consumers) end
for record = 1, record_count do
  if record.text == '' then
    write('HDEL', consumers, record.name)
  else
    write('HSET', consumers, record.name, record.text)
  end
end
write('SET', registry, manifest)
write('HINCRBY', ledger, 'consumers', 1)
if reseals then raise_recipients_revision() end
publish('registry-written', manifest)
if head ~= '' then emit(numbers, head, tail, keep) end
local KINDS = {
  added = 'consumer.added', ['orgs-set'] = 'consumer.orgs_set', removed = 'consumer.removed',
  granted = 'consumer.granted', trusted = 'registry.trusted',
  ['token-created'] = 'token.created', ['token-revoked'] = 'token.revoked',
}
if KINDS[what] then
  record_activity(actor, KINDS[what], 'org', org, 'target', target, 'before', before, 'after', after)
end
return reply.WRITTEN

-- Records a rotation policy, once, with the assistants that it names.
--
-- Keeps: one request id has one policy; all of a policy is there, or nothing; there are never more policies
-- than the limit, and all together never name more assistants, or longer ids, than the limits.
--
-- @key policy: the new policy
-- @key assistants: its assistants
-- @key policies: the index of policies
-- @key request?: only if the caller gave a request id
-- @key counts?: of request ids, in the same case
-- @arg id text
-- @arg request_id text?
-- @arg digest text: of the arguments
-- @arg alias_digest text: of the same arguments with `c` for the org
-- @arg request_ttl_s digits: how long a request id is kept
-- @arg limit number: how many policies there may be
-- @arg max_ids number: how many assistants all policies together may name
-- @arg max_bytes number: the length of all their ids
-- @arg named digits?: the number of named assistants; absent if the policy covers all that upstream lists
-- @arg org text
-- @arg reason text
-- @arg every_days digits
-- @arg window_cron text
-- @arg window_zone text
-- @arg window_length digits
-- @arg limit_count digits?
-- @arg limit_percent digits?
-- @actor
-- @arg ids text...: the named assistants
-- @reply CREATED policy hash
-- @reply KNOWN known_id text, known hash: the same request again
-- @reply REUSED: the request id was used with other arguments
-- @reply SPENT: the request id was used, and its policy was deleted
-- @reply CROWDED: the limit of remembered request ids is reached
-- @reply FULL: the limit is reached
-- @reply LARGE: with this one, the policies would name too many assistants
-- @include activity/record
-- @include orgs/match-request
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
-- @include system/request-ids
-- @include time/now

org = org_name(org)

if request_id ~= '' then
  local seen = read('GET', request)
  if seen then
    local other, is_same = match_request(seen, digest, alias_digest, org)
    if not is_same then return reply.REUSED end
    local known = read('HGETALL', PREFIX .. ':policy:' .. other)
    if #known == 0 then return reply.SPENT end
    return reply.KNOWN { known_id = other, known = known }
  end
end
local now_ms = math.floor(now_us() / 1000)
local room = request_id ~= '' and room_for_request_id(counts, now_ms)
if room == nil then return reply.CROWDED end
if read('ZCARD', policies) >= limit then return reply.FULL end

-- A policy of an earlier version does not say how long its ids are. Those of Invent have about this length.
local USUAL_BYTES = 32
local count, bytes = #ids, 0
for _, one in ipairs(ids) do bytes = bytes + #one end
local own_bytes = bytes
if count > 0 then
  for _, other in ipairs(read('ZRANGE', policies, 0, -1)) do
    local named_there, bytes_there = unpack(redis.pcall('HMGET', PREFIX .. ':policy:' .. other, 'assistants',
      'bytes'))
    local ids_there = tonumber(named_there or '') or 0
    count = count + ids_there
    bytes = bytes + (tonumber(bytes_there or '') or USUAL_BYTES * ids_there)
  end
  if count > max_ids or bytes > max_bytes then return reply.LARGE end
end
read('SCARD', assistants)
local now = int(now_ms)
local limit_field, limit_value = 'limit_percent', limit_percent
if limit_count ~= '' then limit_field, limit_value = 'limit_count', limit_count end
write('HSET', policy, 'request', request_id, 'assistants', named, 'bytes', int(own_bytes), 'paused', '',
  'created', now, 'updated', now, 'org', org, 'reason', reason, 'every_days', every_days,
  'window_cron', window_cron, 'window_zone', window_zone, 'window_length', window_length,
  limit_field, limit_value, 'requested_by', actor_by)
if room then
  write('SET', request, id .. ' ' .. digest, 'EX', request_ttl_s)
  count_request_id(room)
end

-- A thousand at a time: the stack of Lua does not hold all of them.
for from = 1, #ids, 1000 do
  write('SADD', assistants, unpack(ids, from, math.min(from + 999, #ids)))
end
write('ZADD', policies, 0, id)
record_activity(actor, 'policy.created', 'org', org, 'target', 'policy:' .. id, 'reason', reason,
  'after', 'every ' .. every_days .. ' days')
return reply.CREATED { policy = read('HGETALL', policy) }

-- Records a rotation policy, once, with the assistants that it names.
--
-- Keeps: one request id has one policy; all of a policy is there, or nothing; there are never more policies
-- than the limit.
--
-- @key policy: the new policy
-- @key assistants: its assistants
-- @key policies: the index of policies
-- @key request?: only if the caller gave a request id
-- @arg id text
-- @arg request_id text?
-- @arg digest text: of the arguments
-- @arg alias_digest text: of the same arguments with `c` for the org
-- @arg request_ttl_s digits: how long a request id is kept
-- @arg limit number: how many policies there may be
-- @arg named digits?: the number of named assistants; absent if the policy covers all that upstream lists
-- @arg org text
-- @arg reason text
-- @arg every_days digits
-- @arg window_cron text
-- @arg window_zone text
-- @arg window_length digits
-- @arg limit_count digits?
-- @arg limit_percent digits?
-- @arg ids text...: the named assistants
-- @reply CREATED policy hash
-- @reply KNOWN known_id text, known hash: the same request again
-- @reply REUSED: the request id was used with other arguments
-- @reply SPENT: the request id was used, and its policy was deleted
-- @reply FULL: the limit is reached
-- @include orgs/match-request
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
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
if read('ZCARD', policies) >= limit then return reply.FULL end
read('SCARD', assistants)
local now = int(math.floor(now_us() / 1000))
local limit_field, limit_value = 'limit_percent', limit_percent
if limit_count ~= '' then limit_field, limit_value = 'limit_count', limit_count end
write('HSET', policy, 'request', request_id, 'assistants', named, 'paused', '', 'created', now,
  'updated', now, 'org', org, 'reason', reason, 'every_days', every_days, 'window_cron', window_cron,
  'window_zone', window_zone, 'window_length', window_length, limit_field, limit_value)
if request_id ~= '' then write('SET', request, id .. ' ' .. digest, 'EX', request_ttl_s) end

-- A thousand at a time: the stack of Lua does not hold all of them.
for from = 1, #ids, 1000 do
  write('SADD', assistants, unpack(ids, from, math.min(from + 999, #ids)))
end
write('ZADD', policies, 0, id)
return reply.CREATED { policy = read('HGETALL', policy) }

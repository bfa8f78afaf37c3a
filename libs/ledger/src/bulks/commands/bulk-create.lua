-- Records a bulk rotation, once. Ids that the caller gave lie in the draft already, which expires within the
-- hour.
--
-- Keeps: one request id has one bulk rotation; all of it is there, or nothing. A limited number is open,
-- and of assistants in them.
--
-- @key bulk
-- @key ids: its ids
-- @key excluded: the ids that it leaves out
-- @key request?: only if the caller gave a request id
-- @key counts?: of request ids, in the same case
-- @arg id text
-- @arg request_id text?
-- @arg digest text: of the arguments
-- @arg alias_digest text: of the same arguments with `c` for the org
-- @arg request_ttl_s digits: how long a request id is kept
-- @arg max_open number?: how many bulk rotations may be open; absent for those of policies
-- @arg max_ids number: how many assistants all open ones together may have
-- @arg given number?: the number of ids; absent if upstream lists them
-- @arg validate_only flag: a dry run
-- @arg urgent flag
-- @arg excluded_count number: the number of ids that it leaves out
-- @arg org text
-- @arg reason text
-- @arg requested_by text: also of the policy that it is a part of
-- @actor
-- @arg more text...: further fields and values of its hash
-- @reply CREATED created hash
-- @reply KNOWN known_id text: the same request again
-- @reply REUSED: the request id was used with other arguments
-- @reply SPENT: the request id was used, and its bulk rotation is no longer kept
-- @reply FULL of_ids flag: a limit is reached; `of_ids`: that of assistants
-- @reply CROWDED: the limit of remembered request ids is reached
-- @reply INCOMPLETE: a part of the draft is missing: nothing was written
-- @include activity/record
-- @include bulks/activate
-- @include bulks/begin
-- @include bulks/bulk
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
    if read('EXISTS', bulk_key(other)) == 0 then return reply.SPENT end
    return reply.KNOWN { known_id = other }
  end
end
-- A slow caller's first ids may have expired; or ids were lost with a Redis that failed over.
local is_incomplete = given and read('HLEN', ids) ~= math.ceil(given / 1000)
if is_incomplete or (excluded_count > 0 and read('EXISTS', excluded) == 0) then return reply.INCOMPLETE end

local now_ms = math.floor(now_us() / 1000)
local room = request_id ~= '' and room_for_request_id(counts, now_ms, not max_open)
if room == nil then return reply.CROWDED end
if max_open then
  local open = read('ZDIFF', 2, PREFIX .. ':bulks', PREFIX .. ':bulks:ended')
  if #open >= max_open then return reply.FULL { of_ids = false } end
  local in_all = given or 0
  for _, other in ipairs(open) do
    local total = redis.pcall('HGET', bulk_key(other), 'total')
    in_all = in_all + count_of(type(total) == 'string' and total or '')
  end
  if in_all > max_ids then return reply.FULL { of_ids = true } end
end

local now = int(now_ms)
local urgent_text = urgent and '1' or ''
write('HSET', bulk, 'state', 'PREPARING', 'created', now, 'updated', now, 'request', request_id,
  'urgent', urgent_text, 'org', org, 'reason', reason, 'requested_by', requested_by, unpack(more))
if room then
  write('SET', request, id .. ' ' .. digest, 'EX', request_ttl_s)
  count_request_id(room)
end
write('PERSIST', ids)
write('PERSIST', excluded)
write('ZADD', PREFIX .. ':bulks', 0, id)
activate_bulk(id, urgent_text, now)
record_activity(actor, 'bulk.created', 'org', org, 'target', 'bulkRotation:' .. id, 'reason', reason,
  'after', 'PREPARING')
if given then
  write('HSET', bulk, 'total', int(given))
  if not validate_only then begin_bulk(id, given, tonumber(now)) end
end
return reply.CREATED { created = read('HGETALL', bulk) }

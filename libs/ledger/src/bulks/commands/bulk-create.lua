-- Records a bulk rotation, once. Ids that the caller gave lie in the draft already, which expires within the
-- hour.
--
-- Keeps: one request id has one bulk rotation; all of it is there, or nothing.
--
-- @key bulk
-- @key ids: its ids
-- @key excluded: the ids that it leaves out
-- @key request?: only if the caller gave a request id
-- @arg id text
-- @arg request_id text?
-- @arg digest text: of the arguments
-- @arg alias_digest text: of the same arguments with `c` for the org
-- @arg request_ttl_s digits: how long a request id is kept
-- @arg given number?: the number of ids; absent if upstream lists them
-- @arg validate_only flag: a dry run
-- @arg urgent flag
-- @arg excluded_count number: the number of ids that it leaves out
-- @arg org text
-- @arg more text...: further fields and values of its hash
-- @reply CREATED created hash
-- @reply KNOWN known_id text: the same request again
-- @reply REUSED: the request id was used with other arguments
-- @reply SPENT: the request id was used, and its bulk rotation is no longer kept
-- @reply INCOMPLETE: a part of the draft is missing: nothing was written
-- @include bulks/activate
-- @include bulks/begin
-- @include bulks/bulk
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
    if read('EXISTS', bulk_key(other)) == 0 then return reply.SPENT end
    return reply.KNOWN { known_id = other }
  end
end
-- A slow caller's first ids may have expired; or ids were lost with a Redis that failed over.
local is_incomplete = given and read('HLEN', ids) ~= math.ceil(given / 1000)
if is_incomplete or (excluded_count > 0 and read('EXISTS', excluded) == 0) then return reply.INCOMPLETE end

local now = int(math.floor(now_us() / 1000))
local urgent_text = urgent and '1' or ''
write('HSET', bulk, 'state', 'PREPARING', 'created', now, 'updated', now, 'request', request_id,
  'urgent', urgent_text, 'org', org, unpack(more))
if request_id ~= '' then write('SET', request, id .. ' ' .. digest, 'EX', request_ttl_s) end
write('PERSIST', ids)
write('PERSIST', excluded)
write('ZADD', PREFIX .. ':bulks', 0, id)
activate_bulk(id, urgent_text, now)
if given then
  write('HSET', bulk, 'total', int(given))
  if not validate_only then begin_bulk(id, given, tonumber(now)) end
end
return reply.CREATED { created = read('HGETALL', bulk) }

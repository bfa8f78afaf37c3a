-- Records a rotation, once.
--
-- Keeps: one request id has one rotation. While a rotation is QUEUED for the same org and assistant, no
-- second one is made. A limited number of rotations is open, of an org and in all. No caller gets a rotation
-- that never ends: an entry that names one was written by another client. A caller that may rotate only
-- assistants of some orgs gets nothing of an assistant that was last published under another one.
--
-- @key rotation: the new rotation
-- @key assistant
-- @key request?: only if the caller gave a request id
-- @key counts?: of request ids, in the same case
-- @arg id text
-- @arg org text
-- @arg assistant_id text
-- @arg reason text
-- @arg request_id text?
-- @arg digest text: of the arguments
-- @arg request_ttl_s digits: how long a request id is kept
-- @arg alias_digest text: of the same arguments with `c` for the org
-- @arg max_open number: how many rotations may be open
-- @arg max_of_org number: how many of one org that are not part of a bulk rotation
-- @arg only_under text?: the org that the assistant may have been published under last, if it ever was
-- @actor
-- @reply CREATED created_ms number, org text: `c` is translated once it is known
-- @reply KNOWN known_id text, known hash: the same request again, or a rotation that is still QUEUED
-- @reply REUSED: the request id was used with other arguments
-- @reply SPENT: the request id was used, and its rotation is no longer kept
-- @reply FULL of_org flag: a limit is reached; `of_org`: that of the org
-- @reply CROWDED: the limit of remembered request ids is reached
-- @reply ELSEWHERE under text: the assistant was last published under this org; nothing was written
-- @include activity/record
-- @include orgs/match-request
-- @include orgs/open-rotations
-- @include orgs/org-name
-- @include orgs/room-for-rotation
-- @include orgs/under-way
-- @include rotations/assistant-name
-- @include rotations/rotation
-- @include scripts/call
-- @include scripts/decoded
-- @include scripts/number
-- @include system/request-ids
-- @include time/now

-- @ask HSET SET ZADD HDEL DEL XADD:activity
org = org_name(org)

if only_under ~= '' then
  local held = read('HGET', assistant, 'org')
  -- No key of the script: a gateway may only read it.
  if not held and read('EXISTS', PREFIX .. ':current:' .. name_of(assistant)) == 1 then
    return redis.error_reply('WRONGTYPE The org that the assistant was last published under is lost')
  end
  local under = held and org_name(decoded(held))
  if under and under ~= org_name(only_under) then return reply.ELSEWHERE { under = under } end
end

if request_id ~= '' then
  local seen = read('GET', request)
  if seen then
    local other, is_same = match_request(seen, digest, alias_digest, org)
    if not is_same then return reply.REUSED end
    local state, of_assistant = unpack(read('HMGET', rotation_key(other), 'state', 'assistant_key'))
    local is_open = state == 'QUEUED' or state == 'ROTATING' or state == 'RECONCILING'
    local is_ours = of_assistant == assistant and (not is_open or is_under_way(other, assistant))
    if not is_ours then return reply.SPENT end
    return reply.KNOWN { known_id = other, known = read('HGETALL', rotation_key(other)) }
  end
end

local now_ms = math.floor(now_us() / 1000)
local room = request_id ~= '' and room_for_request_id(counts, now_ms)
if room == nil then return reply.CROWDED end
local function remember(which)
  if not room then return end
  write('SET', request, which .. ' ' .. digest, 'EX', request_ttl_s)
  count_request_id(room)
end

local of_org, of_alias = unpack(read('HMGET', assistant, 'queued:' .. org, 'queued:c'))
local queued = of_org or (of_alias and org_name('c') == org and of_alias)
local state, of_rotation
if queued and is_under_way(queued, assistant) then
  state, of_rotation = unpack(read('HMGET', rotation_key(queued), 'state', 'org'))
end
if state == 'QUEUED' and of_rotation and org_name(of_rotation) == org then
  -- @ask all
  remember(queued)
  -- The caller wants a key that is made after now.
  write('HSET', rotation_key(queued), 'asked', int(now_ms))
  record_activity(actor, 'rotation.joined', 'org', org, 'target', 'rotation:' .. queued,
    'assistant', assistant_id, 'reason', reason)
  return reply.KNOWN { known_id = queued, known = read('HGETALL', rotation_key(queued)) }
end

local missing = missing_room(org, max_open, max_of_org)
if missing then return reply.FULL { of_org = missing == 'org' } end
local now = int(now_ms)
-- First: only this key may have another type. A rotation that is not in the index would be lost with its job.
write('ZADD', PREFIX .. ':rotations:open', 0, id)
write('ZADD', open_of_org(org), 0, id)
write('HSET', rotation, 'org', org, 'assistant', assistant_id, 'assistant_key', assistant, 'state', 'QUEUED',
  'reason', reason, 'request', request_id, 'created', now, 'updated', now, 'attempts', 0,
  'requested_by', actor_by)
write('HSET', assistant, 'queued:' .. org, id)
remember(id)
record_activity(actor, 'rotation.requested', 'org', org, 'target', 'rotation:' .. id,
  'assistant', assistant_id, 'reason', reason, 'after', 'QUEUED')
return reply.CREATED { created_ms = now, org = org }

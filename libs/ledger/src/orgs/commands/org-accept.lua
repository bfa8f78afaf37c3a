-- An operator accepts what reads say of a held org: for a time it has no limit.
--
-- @key held: the held orgs
-- @arg org text
-- @arg for_ms number: for how long
-- @reply ACCEPTED: also if it was accepted before and no sweep has ended that: the response, or the sweep,
--   may have been lost
-- @reply NOT_HELD
-- @include orgs/accepted
-- @include orgs/adopted-key
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
-- @include time/now

org = org_name(org)
local now_ms = math.floor(now_us() / 1000)
if write('HDEL', held, org) == 0 and not is_accepted(org, now_ms) then return reply.NOT_HELD end
write('HSET', PREFIX .. ':accepted', org, int(now_ms + for_ms))
write('DEL', adopted_key(org))
return reply.ACCEPTED

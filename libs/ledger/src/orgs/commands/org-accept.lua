-- An operator accepts what reads say of a held org: for a time it has no limit for changes of the kind that
-- it is held for. What was accepted before, and is not done yet, stays accepted.
--
-- @key held: the held orgs
-- @arg org text
-- @arg for_ms number: for how long
-- @actor
-- @reply ACCEPTED: also if it was accepted before and no sweep has ended that: the response, or the sweep,
--   may have been lost
-- @reply NOT_HELD
-- @include activity/record
-- @include orgs/accepted
-- @include orgs/adopted-key
-- @include orgs/changes
-- @include orgs/hold-code
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
-- @include time/now

org = org_name(org)
local now_ms = math.floor(now_us() / 1000)
local code, before = hold_code(org), accepted_codes(org, now_ms)
if not code and not before then return reply.NOT_HELD end
write('HDEL', held, org)
-- Without reasons everything was accepted, by an operator of an earlier version.
local codes = before or ''
if code and before ~= '' and not has_code(codes, code) then codes = codes .. ' ' .. code end
write('HSET', PREFIX .. ':accepted', org, int(now_ms + for_ms) .. codes)
-- The count that led to the hold was shown to the operator, and begins anew.
if code then write('DEL', changes_key(org)) end
write('DEL', adopted_key(org))
record_activity(actor, 'org.accepted', 'org', org, 'target', 'org:' .. org, 'reason', code,
  'before', code and 'HELD')
return reply.ACCEPTED

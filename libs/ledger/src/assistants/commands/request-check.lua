#!lua flags=allow-oom
-- Requests that an assistant is read and compared with what is published.
--
-- @key checks: the checks, or those that may take their time
-- @arg org text
-- @arg assistant_id text
-- @arg in_ms number: until then at the latest
-- @reply REQUESTED
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local at_ms = int(math.floor(now_us() / 1000) + in_ms)
write('ZADD', checks, 'LT', at_ms, org_name(org) .. '/' .. assistant_id)
return reply.REQUESTED

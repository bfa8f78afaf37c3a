-- Requests that an assistant is read and compared with what is published, at a moment at the latest. A check
-- that is due earlier stays.
--
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/number

local function request_check(org, assistant_id, at_ms)
  write('ZADD', PREFIX .. ':checks', 'LT', int(at_ms), org_name(org) .. '/' .. assistant_id)
end

-- What the entry of a request id says: the id of what the first request made, and whether this request has
-- the same arguments. A request under `c`, from before its org was known, had the same org and so the same
-- arguments.
--
-- @include orgs/org-name

local function match_request(seen, digest, alias_digest, org)
  local id, seen_digest = string.match(seen, '^(%S+) (%S+)$')
  return id, seen_digest == digest or (seen_digest == alias_digest and org_name('c') == org)
end

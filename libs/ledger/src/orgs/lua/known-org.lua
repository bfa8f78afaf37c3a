-- Whether anything says that an org exists: something was published under it, a worker has an API key for it,
-- or a policy names it. Without an answer of any worker, and while it is unknown which org `c` is, every org
-- may be one that a worker has a key for.
--
-- @include scripts/call

local MAX_POLICIES_READ = 1000

local function has_api_key(org)
  local function has(name) return read('ZSCORE', PREFIX .. ':configured', name) end
  if read('ZCARD', PREFIX .. ':configured') == 0 or has('*') or has(org) then return true end
  if not has('c') then return false end
  local alias = read('HGET', PREFIX .. ':ledger', 'alias')
  return not alias or alias == org
end

local function is_known_org(org)
  if has_api_key(org) or read('SISMEMBER', PREFIX .. ':orgs', org) == 1 then return true end
  for _, id in ipairs(read('ZRANGE', PREFIX .. ':policies', 0, MAX_POLICIES_READ - 1)) do
    if redis.pcall('HGET', PREFIX .. ':policy:' .. id, 'org') == org then return true end
  end
  return false
end

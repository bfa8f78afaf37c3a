-- Keys that were lately found changed. Invent makes no key twice, so a key that several assistants show is
-- not theirs.
--
-- @include assistants/check
-- @include assistants/superseded
-- @include orgs/adopted-key
-- @include scripts/call
-- @include time/now

local ADOPTED_KEPT = 10000

local function is_adopted_elsewhere(org, fingerprint, assistant_id)
  local other = read('HGET', adopted_key(org), short(fingerprint))
  if not other or other == assistant_id then return false end
  request_check(org, other, math.floor(now_us() / 1000))
  return true
end

local function note_adopted(org, fingerprint, assistant_id)
  if read('HLEN', adopted_key(org)) >= ADOPTED_KEPT then write('DEL', adopted_key(org)) end
  write('HSET', adopted_key(org), short(fingerprint), assistant_id)
  write('EXPIRE', adopted_key(org), 3600)
end

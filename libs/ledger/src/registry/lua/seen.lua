-- The SHA-1 of the registry's manifest; `none` if there is none, or one that no process can read.

local function manifest_seen(key)
  local length = redis.pcall('STRLEN', key)
  if type(length) ~= 'number' or length == 0 or length > 262144 then return 'none' end
  return redis.sha1hex(redis.call('GET', key))
end

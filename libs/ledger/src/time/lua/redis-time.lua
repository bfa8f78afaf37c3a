-- The clock of Redis, in µs since 1970.

local function redis_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

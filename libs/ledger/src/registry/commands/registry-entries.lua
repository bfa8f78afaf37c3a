-- Finds which entries of consumers differ from what a process has read, without sending them.
--
-- @key consumers
-- @each record
-- @arg name text
-- @reply FOUND count number, digests text...: how many entries there are, and of each named one the SHA-1 of
--   its text, '' if there is none, `long` if it is longer than any that Rekey writes

local count = redis.pcall('HLEN', consumers)
local is_hash = type(count) == 'number'
local digests = {}
for record = 1, record_count do
  local length = is_hash and redis.call('HSTRLEN', consumers, record.name) or 0
  if length == 0 then
    digests[record] = ''
  elseif length > 524288 then
    digests[record] = 'long'
  else
    digests[record] = redis.sha1hex(redis.call('HGET', consumers, record.name))
  end
end
return reply.FOUND { count = is_hash and count or 0, digests = digests }

-- Names entries of consumers that are not among the given ones: the first ones, cut to 63 bytes. Of very
-- many entries it looks at some at random.
--
-- @key consumers
-- @arg most number: how many are named
-- @each record
-- @arg name text
-- @reply FOUND names text...

local listed, names = {}, {}
for record = 1, record_count do listed[record.name] = true end
local count = redis.pcall('HLEN', consumers)
local found = {}
if type(count) == 'number' and count > 0 then
  found = count <= 1000 and redis.call('HKEYS', consumers)
    or redis.call('HRANDFIELD', consumers, most + record_count)
end
for _, name in ipairs(found) do
  if #names < most and not listed[name] then names[#names + 1] = string.sub(name, 1, 63) end
end
table.sort(names)
return reply.FOUND { names = names }

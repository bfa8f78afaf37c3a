-- Names the orgs whose indexes do not have the sizes that they should have.
--
-- Keeps: it only reads, the sizes of an org at one moment.
--
-- @key state: how far the indexes are complete
-- @each item
-- @arg org text: percent-encoded
-- @reply CHECKED wrong text...: the orgs, as they were given

local function size(key)
  local count = redis.pcall('ZCARD', key)
  return type(count) == 'number' and count or nil
end

-- How many assistants of an org are in no index, since their entries cannot be read; nil if sizes disagree.
local function skew_of(org)
  local function size_of(name) return size(PREFIX .. ':index:' .. name .. ':' .. org) end
  local id, uncertain = size_of('id'), size_of('uncertain')
  if not id or id ~= size_of('age') or id ~= size_of('change') then return nil end
  if not uncertain or uncertain > id then return nil end
  return (size(PREFIX .. ':assistants:' .. org) or id) - id
end

local wrong = {}
for item = 1, item_count do
  local org = item.org
  local noted = redis.pcall('HGET', state, 'skew:' .. org)
  if skew_of(org) ~= (type(noted) == 'string' and tonumber(noted) or 0) then wrong[#wrong + 1] = org end
end
return reply.CHECKED { wrong = wrong }

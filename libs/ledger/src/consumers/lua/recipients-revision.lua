-- The revision of the consumers: it rises with each consumer that is added or removed. An event that was
-- sealed at another revision is sealed for other recipients. A text that is no such number counts as 0, as in
-- consumers.ts: otherwise no worker could ever seal at the right one.
--
-- @include scripts/call
-- @include scripts/number

local function revision_in(field)
  local text = read('HGET', PREFIX .. ':ledger', field) or ''
  return string.match(text, '^%d+$') and #text <= 15 and tonumber(text) or 0
end

local function recipients_revision()
  return int(revision_in('readers'))
end

-- Raises the revision above each that anything was sealed at, whatever the field holds.
local function raise_recipients_revision()
  write('HSET', PREFIX .. ':ledger', 'readers',
    int(math.max(revision_in('readers'), revision_in('resealed')) + 1))
end

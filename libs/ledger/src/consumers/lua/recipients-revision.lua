-- The revision of the recipients: it rises with each consumer that is added or removed. An event that was
-- sealed at another revision is sealed for other recipients. It is compared as text, whatever another client
-- has stored there: otherwise no worker could ever seal at the right one.
--
-- @include scripts/call
-- @include scripts/number

-- What another client has stored can be so long that reading it holds up Redis: its length stands for it.
local MAX_REVISION_BYTES = 64

local function revision_text(field)
  local length = read('HSTRLEN', PREFIX .. ':ledger', field)
  if length > MAX_REVISION_BYTES then return 'long:' .. int(length) end
  return length == 0 and '0' or read('HGET', PREFIX .. ':ledger', field)
end

local function recipients_revision()
  return revision_text('readers')
end

-- Whether an event was sealed for others than the recipients of now. '': it is published whoever they are.
local function has_other_recipients(sealed_at)
  return sealed_at ~= '' and sealed_at ~= recipients_revision()
end

local function revision_number(field)
  local text = revision_text(field)
  return string.match(text, '^%d+$') and #text <= 15 and tonumber(text) or 0
end

-- Raises the revision above each that anything was sealed at, whatever the field holds.
local function raise_recipients_revision()
  write('HSET', PREFIX .. ':ledger', 'readers',
    int(math.max(revision_number('readers'), revision_number('resealed')) + 1))
end

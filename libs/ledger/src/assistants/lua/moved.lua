-- An assistant that is published under another org than before. Consumers of that org must not sign with the
-- key that they hold, and the gateway shows them nothing of other orgs: the event names the org that it
-- leaves, and the assistant's entry the last ones. Nothing proves these: they are used to withhold, and for
-- nothing else.
--
-- @include scripts/decoded

local MAX_FORMER = 10

-- `note`: what the event says of it, behind its numbers. `former`: the orgs to keep, percent-encoded; nil if
-- they do not change.
local function moved_of(version, held)
  if not held.org or held.org == version.encoded_org then return { note = '' } end
  local former, known = { held.org }, { [held.org] = true, [version.encoded_org] = true }
  for org in string.gmatch(held.former or '', '[^,]+') do
    if not known[org] and #former < MAX_FORMER then
      former[#former + 1], known[org] = org, true
    end
  end
  return { note = ',"moved_from":' .. cjson.encode(decoded(held.org)), former = table.concat(former, ',') }
end

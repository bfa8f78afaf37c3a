-- Deletes an assistant that has no key version, no claim and nothing queued: ids that do not exist upstream
-- must not fill the memory. Its epoch may go, since the next one is drawn from the clock.
--
-- @include scripts/call

local function forget_if_never_published(assistant)
  -- A caller can name an assistant under any number of orgs: then it has as many fields.
  if read('HLEN', assistant) > 2 then return end
  local names = read('HKEYS', assistant)
  for _, field in ipairs(names) do
    if field ~= 'epoch' and field ~= 'intent' then return end
  end
  if #names > 0 then write('DEL', assistant) end
end

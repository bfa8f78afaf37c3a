-- Whether another rotation may be open; if not, which limit is reached: `org` or `all`. At the limit of an
-- org, entries are removed that have ended without this index: those that an earlier version of Rekey has
-- ended, or that were deleted by hand. Ten are looked at for each request, of many another part each time:
-- that frees places faster than requests take them.
--
-- @include orgs/open-rotations
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local LOOKED_AT = 10

local function missing_room(org, max_open, max_of_org)
  local open, of_org = PREFIX .. ':rotations:open', open_of_org(org)
  local total, own = read('ZCARD', open), read('ZCARD', of_org)
  if own >= max_of_org then
    local from = own > LOOKED_AT and math.floor(now_us() / 1000) % (own - LOOKED_AT + 1) or 0
    for _, id in ipairs(read('ZRANGE', of_org, int(from), int(from + LOOKED_AT - 1))) do
      if not read('ZSCORE', open, id) then own = own - write('ZREM', of_org, id) end
    end
  end
  if own >= max_of_org then return 'org' end
  return total >= max_open and 'all' or nil
end

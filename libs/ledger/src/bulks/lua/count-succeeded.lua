-- Counts the assistants of a bulk, at these indexes, that have succeeded. Without indexes: the key of one is
-- published, but its landing window is still open. Either shows that upstream answers. `newest_entry` is the
-- stream entry of the last one.
--
-- @include bulks/bulk
-- @include bulks/settle
-- @include scripts/call
-- @include scripts/number

local function count_succeeded(bulk, indexes, now_ms, newest_entry)
  local key = bulk_key(bulk)
  local state, away_since, unread, succeeded, open = fields(key)
  if not state then return end
  for _, index in ipairs(indexes) do write('SETRANGE', key .. ':states', index, 's') end
  local still_open = (tonumber(open) or 0) - #indexes
  local counts = { 'succeeded', int((tonumber(succeeded) or 0) + #indexes), 'open', int(still_open) }
  if newest_entry then counts[5], counts[6] = 'entry', newest_entry end
  write('HSET', key, unpack(counts))
  if away_since or unread then write('HDEL', key, 'away_since', 'unread') end
  if still_open <= 0 then settle_bulk(bulk, now_ms) end
end

-- Counts reads that agree with each other and not with what is published.
--
-- @include scripts/call
-- @include scripts/number

-- The pauses between such reads double up to this count.
local OBSERVED_READS = 8

-- Returns for how long reads agree, how many of them, and the ms until the next read counts, which grows each
-- time. A read counts if it began later than the read lag after the one before. Reads that are further apart
-- than the gap do not agree, because the time in between is unknown; after OBSERVED_READS of them they do.
local function observe(assistant, state, read_ms, lag_ms, gap_ms)
  local seen, seen_since, seen_last, seen_count, seen_reads = fields(assistant)
  local reads = math.min((tonumber(seen_reads) or 0) + 1, OBSERVED_READS)
  local since, last, count = tonumber(seen_since), tonumber(seen_last), tonumber(seen_count)
  local is_known = seen == state and since and last and count
  if not is_known or last > read_ms + 60000 or (read_ms > last + gap_ms and reads < OBSERVED_READS) then
    since, last, count = read_ms, read_ms, 1
  elseif read_ms > last + lag_ms then
    last, count = read_ms, count + 1
  end
  write('HSET', assistant, 'seen', state, 'seen_since', int(since), 'seen_last', int(last),
    'seen_count', count, 'seen_reads', reads)
  return read_ms - since, count, math.max(last + lag_ms - read_ms, 0) + lag_ms * (2 ^ (reads - 1) - 1) + 1
end

-- Forgets reads that disagreed with what is published: they agree again, or something else is published.
--
-- @include scripts/call

local function forget_observation(assistant, assistant_id)
  write('HDEL', assistant, 'seen', 'seen_since', 'seen_last', 'seen_count', 'seen_reads')
  write('HDEL', PREFIX .. ':stale', assistant_id)
end

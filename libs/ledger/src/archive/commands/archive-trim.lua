-- Trims a stream behind the archive.
--
-- Keeps: no entry after `through` is removed, and none of a stream that ends before it: that is another one.
-- Only the holder of the lock trims.
--
-- @key stream
-- @arg token text: of the holder of the lock
-- @arg through text: the id of the last archived entry
-- @arg keep number: about how many entries to keep
-- @arg slack number: give up if more than this, which is at most `keep`, are not archived
-- @arg chars number: or if they have more bytes
-- @reply TRIMMED removed number
-- @reply BEHIND: too much is not archived, or the last archived entry is not in the stream
-- @reply LOST: another worker has the lock
-- @include scripts/call
-- @include scripts/stream-end

if read('GET', PREFIX .. ':archiving') ~= token then return reply.LOST end
if read('XLEN', stream) <= keep then return reply.TRIMMED { removed = 0 } end
if not read('XRANGE', stream, through, '+', 'COUNT', 1)[1] then return reply.BEHIND end
local from, ahead, length = '(' .. through, 0, 0
while true do
  if is_stream_end(from) then break end
  local entry = read('XRANGE', stream, from, '+', 'COUNT', 1)[1]
  if not entry then break end
  ahead = ahead + 1
  for i = 1, #entry[2] do length = length + #entry[2][i] end
  if ahead > slack or length > chars then return reply.BEHIND end
  from = '(' .. entry[1]
end
-- The newest `keep` entries stay, and those that are not archived are among them.
local removed = write('XTRIM', stream, 'MAXLEN', '~', keep)
return reply.TRIMMED { removed = removed }

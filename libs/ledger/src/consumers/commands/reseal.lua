-- Puts events that were sealed for other readers in the place of those that are published, where these are
-- still the same.
--
-- KEYS  1 the events in doubt   2… current records, one for each
-- ARGV  1 prefix  2… for each: the SHA-1 of the text that it was made from, its new text, and the assistant id of one in doubt ('' of a current record)
-- Returns {'SEALED', how many were replaced}
-- Keeps: what a record says does not change, nor that of a newer one.

local replaced = 0
for i = 2, #KEYS do
  local at = 2 + 3 * (i - 2)
  local seen, text, assistant = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local now
  if assistant == '' then now = read('GET', KEYS[i]) else now = read('HGET', KEYS[1], assistant) end
  if now and redis.sha1hex(now) == seen then
    if assistant == '' then write('SET', KEYS[i], text, 'KEEPTTL') else write('HSET', KEYS[1], assistant, text) end
    replaced = replaced + 1
  end
end
return { 'SEALED', replaced }

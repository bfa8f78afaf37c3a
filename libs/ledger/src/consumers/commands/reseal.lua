-- Replaces published events by the same events sealed for other recipients, if they have not changed.
--
-- Keeps: the content of a record does not change; a newer record stays.
--
-- @key uncertain: the events that put assistants in doubt
-- @each record
-- @key current
-- @arg seen text: the SHA-1 of the text that it was made from
-- @arg text text: the new text
-- @arg assistant_id text?: of an event in doubt; absent for a current record
-- @reply SEALED replaced number: how many were replaced
-- @include scripts/call

local replaced = 0
for record = 1, record_count do
  local id = record.assistant_id
  local now
  if id == '' then now = read('GET', record.current) else now = read('HGET', uncertain, id) end
  if now and redis.sha1hex(now) == record.seen then
    if id == '' then
      write('SET', record.current, record.text, 'KEEPTTL')
    else
      write('HSET', uncertain, id, record.text)
    end
    replaced = replaced + 1
  end
end
return reply.SEALED { replaced = replaced }

-- Appends one record of activity: who changed what. The command that makes a change calls this, so neither
-- exists without the other. Call it after the first write of the change: a command that is refused has
-- written nothing.
--
-- `actor` is the local of that name (`@actor` in the header), or a text such as 'system:bulk'. `kind` is a
-- type of libs/schema. Fields and values follow; a value that is '', nil or false is left out.
--
-- Keeps: a change is made even if another client has given the stream another type, or has added the last
-- possible id. The stream is then replaced, and status names it (decision 0024).
--
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local MAX_VALUE_BYTES = 4096

local function add_fields(record, list, count)
  local last = #record
  for i = 1, count, 2 do
    local value = list[i + 1]
    if value and value ~= '' then
      record[last + 1], record[last + 2] = list[i], string.sub(value, 1, MAX_VALUE_BYTES)
      last = last + 2
    end
  end
end

local function append_record(record)
  local entry = redis.pcall('XADD', PREFIX .. ':activity', '*', unpack(record))
  local failure = type(entry) == 'table' and entry.err
  if not failure then return end
  local is_spoilt = string.find(failure, 'WRONGTYPE', 1, true)
    or string.find(failure, 'last possible', 1, true)
  if is_spoilt then
    redis.pcall('DEL', PREFIX .. ':activity')
    redis.pcall('XADD', PREFIX .. ':activity', '*', unpack(record))
    local now_ms = int(math.floor(now_us() / 1000))
    write('HSET', PREFIX .. ':ledger', 'activity_replaced', now_ms)
  else
    replace_failed(failure, 'XADD', PREFIX .. ':activity')
  end
end

local function record_activity(actor, kind, ...)
  local record = { 'type', kind }
  if type(actor) == 'string' then
    record[3], record[4] = 'by', actor
  else
    add_fields(record, actor, 8)
  end
  add_fields(record, { ... }, select('#', ...))
  append_record(record)
end

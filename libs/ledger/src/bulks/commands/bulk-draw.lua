-- Draws work of the bulk rotations: assistants to rotate, or a whole bulk to prepare or to verify. Work that
-- is not renewed is drawn again.
--
-- Keeps: an assistant that waits and was passed by is in a draw that a worker has, or in the draws to be
-- redone. Urgent bulks come first, then older ones.
--
-- @key active: the bulks that are worked on
-- @key ledger: the ledger's own facts
-- @arg token text: of the worker
-- @arg lease_ms number
-- @arg size number: how many assistants at most
-- @arg max_open number: how many intents of an org its bulks may have open
-- @arg ranges flag: draw assistants
-- @arg tasks all|urgent|none: draw bulks to prepare or verify
-- @arg before_place number?: assistants only of bulks before this place
-- @arg step_us number: the pause between two requests, 0 for no limit
-- @arg except text...: bulks to pass over
-- @reply RANGE bulk text, org text, from number, to number, letters text, place number: assistants at the
--   indexes from `from` to `to` - 1, with their states; the lower the place of their bulk, the sooner it is
--   drawn
-- @reply PREPARE bulk text, urgent flag
-- @reply VERIFY bulk text, urgent flag
-- @reply MENDED bulk text: what another client had changed of it is put right; draw again
-- @reply DAMAGED bulk text: the list of its assistants is damaged; it is HALTED
-- @reply NOTHING
-- @include bulks/bulk
-- @include bulks/mend
-- @include bulks/rate
-- @include bulks/cancel
-- @include bulks/stop
-- @include rotations/open-intents
-- @include scripts/call
-- @include scripts/encoded
-- @include scripts/number
-- @include scripts/reply-of
-- @include time/now
-- @include time/time-left
-- @include orgs/org-name

local now_ms = math.floor(now_us() / 1000)
local until_text = int(now_ms + lease_ms)
local passed_over = {}
for _, bulk in ipairs(except) do passed_over[bulk] = true end
local frozen = read('HEXISTS', ledger, 'frozen') == 1

-- Ids lie a thousand to a string; a draw is of one string. Another client may have written any text.
local function span_of(text, total)
  local from, to = string.match(text, '^(%d+):(%d+)$')
  from, to = tonumber(from), tonumber(to)
  local is_span = from and from < to and to <= tonumber(total)
    and math.floor(from / 1000) == math.floor((to - 1) / 1000)
  if is_span then return from, to end
end

-- Whether the parts of a bulk have their types, and its list its length.
local function can_be_drawn(key, total)
  local draws, redo = redis.pcall('HLEN', key .. ':draws'), redis.pcall('LLEN', key .. ':redo')
  return type(draws) == 'number' and type(redo) == 'number'
    and redis.pcall('HLEN', key .. ':ids') == math.ceil(tonumber(total) / 1000)
end

-- A request for each assistant, and the comparison at the end: by listing the org, or one by one. As
-- `bulkRequests` in bulks/request-estimate.ts. Bulks with given ids are not prepared, so it is computed here,
-- when their first assistants are drawn.
local function estimate(key, org, total)
  local known = math.max(tonumber(redis.pcall('ZCARD', PREFIX .. ':assistants:' .. encoded(org))) or 0, total)
  local requests = total + (total > 1 + known / 100 and math.ceil(known / 100) or total)
  write('HSET', key, 'requests', int(requests), 'takes', int(requests * step_us / 1000))
end

-- A draw of a worker that did not renew it; else the next assistants; else a draw that was returned.
-- Assistants that could not be rotated before come last: they may succeed by then.
local function next_span(key, org, cursor_text, limit_text, requests, total)
  local draws = read('HGETALL', key .. ':draws')
  for i = 1, #draws, 2 do
    local lease = tonumber(string.match(draws[i + 1], '^(%d+)')) or 0
    local from, to = span_of(draws[i], total)
    if not from then
      write('HDEL', key .. ':draws', draws[i])
    elseif time_left(lease, now_ms, lease_ms) == 0 then
      return from, to
    end
  end
  local cursor = is_whole(cursor_text) and tonumber(cursor_text) or 0
  local limit = math.min(is_whole(limit_text) and tonumber(limit_text) or 0, tonumber(total))
  if cursor < limit then
    local to = math.min(cursor + size, limit, (math.floor(cursor / 1000) + 1) * 1000)
    write('HSET', key, 'cursor', int(to))
    note_rate(key, now_ms)
    if not requests then estimate(key, org, tonumber(total)) end
    return cursor, to
  end
  local again = write('LPOP', key .. ':redo')
  if again then return span_of(again, total) end
end

local function may_draw_task(id, urgent, task_until)
  local is_wanted = tasks == 'all' or (tasks == 'urgent' and urgent == '1')
  return is_wanted and not passed_over[id] and time_left(tonumber(task_until) or 0, now_ms, lease_ms) == 0
end

local function may_draw_range(id, place, org)
  local is_wanted = ranges and tonumber(place) < (before_place or math.huge) and not frozen
    and not passed_over[id]
  local intents = PREFIX .. ':intents:' .. encoded(org_name(org))
  return is_wanted and open_intents(intents, max_open, now_ms) < max_open
end

local function mend(id, total)
  if recount_bulk(id, tonumber(total), {}, now_ms) then return reply.MENDED { bulk = id } end
  stop_bulk(id, 'HALTED', 'LEDGER_CORRUPT', now_ms)
  return reply.DAMAGED { bulk = id }
end

-- Work of one bulk; nil if there is none.
local function draw(id, place)
  local key = bulk_key(id)
  local failure, state, org, cursor, limit, until_ms, task_until, open, urgent, requests, total, created =
    try_fields(key, { until_ms = 'until' })
  if not state then
    -- A bulk that cannot be read waits for an operator, and does not block the others.
    if not failure then write('ZREM', active, id) end
  elseif state == 'PREPARING' or state == 'VERIFYING' then
    if may_draw_task(id, urgent, task_until) then
      write('HSET', key, 'task_token', token, 'task_until', until_text)
      if state == 'PREPARING' then return reply.PREPARE { bulk = id, urgent = urgent == '1' } end
      return reply.VERIFY { bulk = id, urgent = urgent == '1' }
    end
  elseif state == 'RUNNING' and org and is_whole(total) and is_whole(created) then
    if is_window_closed(id, until_ms, open, now_ms) then return nil end
    local is_sound = can_be_drawn(key, total) and states_fit(key, total)
      and not is_stuck(key, tonumber(total))
    if not is_sound then return mend(id, total) end
    if not may_draw_range(id, place, org) then return nil end
    local from, to = next_span(key, org, cursor, limit, requests, total)
    if from then
      local letters = read('GETRANGE', key .. ':states', from, to - 1)
      if string.find(letters, NO_LETTER) then return mend(id, total) end
      write('HSET', key .. ':draws', int(from) .. ':' .. int(to), until_text .. ' ' .. token)
      return reply.RANGE {
        bulk = id, org = org, from = int(from), to = int(to), letters = letters, place = place,
      }
    end
  end
end

local places = read('ZRANGE', active, 0, -1, 'WITHSCORES')
for at = 1, #places, 2 do
  local work = draw(places[at], places[at + 1])
  if work then return work end
end
return reply.NOTHING

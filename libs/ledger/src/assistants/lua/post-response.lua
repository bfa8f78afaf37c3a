-- Whether the response to a POST is from before the POST: the last response of the org had the same key for
-- another assistant; or the record was last changed before the POST (`noted` is 'before'), although Invent is
-- known to note the change that a POST makes ('since'). The clocks of Invent may drift apart later: after
-- five such responses in a row, nothing is known any more. The last response is kept as `TRUST KEY
-- ASSISTANT`. TRUST is 0 if nothing is known, else the number of responses from before, plus 1.
--
-- @include assistants/check
-- @include assistants/superseded
-- @include scripts/call
-- @include time/now

local RESPONSES_FROM_BEFORE = 5

-- What another client has given another type says nothing, and is replaced: it must not hold up commits.
local function last_response(org)
  local text = redis.pcall('HGET', PREFIX .. ':answers', org)
  local trust, print, other = string.match(type(text) == 'string' and text or '', '^(%d) (%S+) (.*)$')
  return tonumber(trust) or 0, print, other
end

local function is_trusted(trust)
  return trust > 0 and trust <= RESPONSES_FROM_BEFORE
end

-- Whether Invent is known to note the change that a POST makes.
local function notes_changes(org)
  return is_trusted((last_response(org)))
end

local function note_response(org, text)
  if not text then return end
  local kind = read('TYPE', PREFIX .. ':answers').ok
  local is_spoilt = kind ~= 'hash' and kind ~= 'none'
  if is_spoilt then write('DEL', PREFIX .. ':answers') end
  write('HSET', PREFIX .. ':answers', org, text)
end

-- Returns whether the response is from before the POST, and the text to keep of it.
local function judge_response(org, fingerprint, assistant_id, noted)
  local trust, print, other = last_response(org)
  if print == short(fingerprint) and other ~= assistant_id then
    request_check(org, other, math.floor(now_us() / 1000))
    return true, nil
  end
  local is_before = noted == 'before' and is_trusted(trust)
  if is_before then
    trust = trust + 1
  else
    -- A response without the moment of a change says nothing about Invent's clocks.
    trust = noted == 'since' and 1 or noted == '' and trust or 0
    print, other = short(fingerprint), assistant_id
  end
  return is_before, trust .. ' ' .. (print or '-') .. ' ' .. (other or '')
end

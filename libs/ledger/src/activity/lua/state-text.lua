-- Fields and their values as a short JSON text, for `before` and `after` of a record of activity. What does
-- not fit is left out, the longest value first.

local MAX_STATE_BYTES = 1000

local function state_text(names, values)
  local state, longest = {}, nil
  for i, name in ipairs(names) do
    state[name] = values[i] or ''
    if not longest or #state[name] > #state[longest] then longest = name end
  end
  if not longest then return nil end
  local text = cjson.encode(state)
  if #text <= MAX_STATE_BYTES then return text end
  state[longest] = nil
  return cjson.encode(state)
end

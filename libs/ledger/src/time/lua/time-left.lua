-- The ms left until a moment that was set at most `longest` ahead; 0 if it has passed. A moment that is much
-- farther ahead was set before the clock was turned back. When it was set is unknown, so it counts as passed.

local function time_left(until_ms, now_ms, longest)
  local rest = until_ms - now_ms
  return (rest > 2 * longest + 60000) and 0 or math.max(rest, 0)
end

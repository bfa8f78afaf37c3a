-- Puts a bulk among those that workers work on, in their order: urgent bulks first, then older ones.
--
-- @include scripts/call
-- @include scripts/number

local function activate_bulk(id, urgent, created)
  write('ZADD', PREFIX .. ':bulks:active', int((tonumber(created) or 0) - (urgent == '1' and 1e13 or 0)), id)
end

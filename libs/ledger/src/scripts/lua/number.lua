-- A whole number as text. Lua prints large numbers with an exponent.

local function int(number)
  return string.format('%.0f', number)
end

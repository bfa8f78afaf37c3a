-- Redis rejects a range that begins after the last possible id, or ends before the first. Nothing is there.

local function is_stream_end(from, back)
  return from == (back and '(0-0' or '(18446744073709551615-18446744073709551615')
end

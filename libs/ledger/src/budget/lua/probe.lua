-- While upstream has closed the budget for more than a minute, one request leaves every PROBE_US, to see
-- whether it is still closed. Callers ask for a slot once a minute.

local PROBE_US, PROBED_BEYOND_MS = 55000000, 60000

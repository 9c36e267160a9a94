-- For wrk: each connection stands for many people who poll the now document at their intervals.
-- PAUSE is in milliseconds, between two polls of a connection.
local path, pause = "/queue/@COHORT@/now.json", @PAUSE@

function init() math.randomseed(os.time()) end

function request() return wrk.format("GET", path) end

-- Spread as the page's script spreads it.
function delay() return math.floor(pause * (0.8 + 0.4 * math.random())) end

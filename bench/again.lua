-- For wrk: one page, by many connections. Whoever is told to try again in n seconds does so then.
-- bench/parts/saturation.py fills in the word in capitals and reads the line that `done` prints.

wrk.headers["Cookie"] = "@COOKIE@"
wrk.headers["Accept-Language"] = "ko"

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function init() answered, later, failed, wait, waits = 0, 0, 0, 0, 0 end

function response(status, headers)
  local seconds
  for name, value in pairs(headers) do
    if name:lower() == "retry-after" then seconds = tonumber(value) end
  end
  if status == 200 then
    answered = answered + 1
  elseif status == 503 and seconds then
    later, wait, waits = later + 1, seconds, waits + 1
  else
    failed = failed + 1
  end
end

function delay()
  if waits == 0 then return 0 end
  waits = waits - 1
  return wait * 1000
end

function done()
  local sums = { answered = 0, later = 0, failed = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
  end
  print(("said: %d %d %d"):format(sums.answered, sums.later, sums.failed))
end

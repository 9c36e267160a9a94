-- For wrk with as many threads as connections: each thread takes its people through the portal,
-- one request after the other. While a person waits to be called, the thread goes on with others.
-- bench/flows.py fills in the words in capitals and reads the journal, a file for each thread with
-- a line for each answer: step, milliseconds, status, and the time on the monotonic clock.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]
local moment = ffi.new("moment")
local function now()
  ffi.C.clock_gettime(1, moment)
  return tonumber(moment.seconds) * 1000 + tonumber(moment.nanoseconds) / 1e6
end

local THREADS, WAY, COHORT, PACE = @THREADS@, "@WAY@", "@COHORT@", @PACE@
local FIRST = { whole = "home", booking = "finder", identity = "form" }
local TOKEN = string.rep("t", 32) -- any token: Django compares the cookie with the form
local POLL = 1000 -- milliseconds between two polls of a person

local counter = 0
function setup(thread)
  thread:set("number", counter)
  counter = counter + 1
end

local people, upcoming, waiting = {}, 1, {}
local current, sent, journal

function init()
  local index = 0
  for line in io.lines("@PEOPLE@") do
    if index % THREADS == number then people[#people + 1] = line end
    index = index + 1
  end
  journal = io.open("@JOURNAL@" .. number, "w")
  math.randomseed(number + 1)
end

-- Who is called next, from those that wait; otherwise a new person.
local function choose()
  local time = now()
  if waiting[1] and waiting[1].due <= time then
    current = table.remove(waiting, 1)
  elseif people[upcoming] then
    current = { cookie = people[upcoming], step = FIRST[WAY], began = time, tries = 0 }
    upcoming = upcoming + 1
  elseif waiting[1] then
    current = table.remove(waiting, 1)
  else
    current = { step = "idle" }
  end
end

local function wait(person, milliseconds)
  person.due = now() + milliseconds
  waiting[#waiting + 1] = person
  current = nil
end

local function ask(person, path, form)
  local headers = { ["Accept-Language"] = "@LANGUAGE@", ["Cookie"] = "csrftoken=" .. TOKEN .. "; " .. person.cookie }
  if not form then return wrk.format("GET", path, headers) end
  headers["Sec-Fetch-Site"] = "same-origin"
  headers["X-CSRFToken"] = TOKEN
  headers["Content-Type"] = "application/x-www-form-urlencoded"
  return wrk.format("POST", path, headers, form)
end

local requests = {
  idle = function() return wrk.format("GET", "/healthz") end,
  home = function(person) return ask(person, "/") end,
  eligibility = function(person) return ask(person, "/eligibility/") end,
  join = function(person) return ask(person, "/queue/" .. COHORT .. "/join/", "x=1") end,
  ticket = function(person) return ask(person, person.ticket) end,
  poll = function(person) return ask(person, "/queue/" .. COHORT .. "/now.json") end,
  enter = function(person)
    return ask(person, person.ticket .. "enter/", "csrfmiddlewaretoken=" .. TOKEN)
  end,
  finder = function(person) return ask(person, "/booking/") end,
  hold = function(person) return ask(person, "/booking/hold/", "slot=" .. person.slot) end,
  confirm = function(person)
    return ask(person, "/booking/confirm/", "channel=sms&email=&key=" .. person.key)
  end,
  receipt = function(person) return ask(person, person.receipt) end,
  -- Here a line of PEOPLE is not a cookie but a phone number.
  form = function(person)
    local phone = person.cookie
    person.cookie = "none=1"
    person.form = person.form or "name=%EA%B9%80%ED%95%98%EB%82%98&birth_date=1964-05-12&phone=" .. phone
    return ask(person, "/identity/", person.form)
  end,
  code = function(person) return ask(person, "/identity/code/") end,
  check = function(person) return ask(person, "/identity/code/", "code=" .. person.code) end,
}

local function header(headers, name)
  for key, value in pairs(headers) do
    if key:lower() == name then return value end
  end
end

local function path_in(location)
  return location and location:gsub("^https?://[^/]+", "")
end

local function choose_slot(person, body)
  person.slots = {}
  for slot in body:gmatch('name="slot" value="(%d+)"') do
    person.slots[#person.slots + 1] = slot
  end
  person.slot = person.slots[math.random(math.max(#person.slots, 1))]
  return person.slot and "hold"
end

-- Each gives the next step; nothing if the answer is not what this step asks for.
local answers = {
  idle = function() return "end" end,
  home = function(_, status) return status == 200 and "eligibility" end,
  eligibility = function(_, status, _, body)
    return status == 200 and body:find("/join/", 1, true) and "join"
  end,
  join = function(person, status, headers)
    person.ticket = path_in(header(headers, "location"))
    return status < 400 and person.ticket and person.ticket:find("/queue/t/", 1, true) and "ticket"
  end,
  ticket = function(person, status, _, body)
    person.place = tonumber(body:match('data%-place="(%d+)"'))
    return status == 200 and person.place and "poll"
  end,
  poll = function(person, status, _, body)
    local serving = tonumber(body:match('"serving": ?(%d+)'))
    if status ~= 200 or not serving then return nil end
    return serving >= person.place and "enter" or "wait"
  end,
  enter = function(person, status, headers)
    local to = path_in(header(headers, "location"))
    if status < 400 and to and to:find("/booking/", 1, true) then return "finder" end
    return status < 400 and "wait" -- at the door
  end,
  finder = function(person, status, _, body) return status == 200 and choose_slot(person, body) end,
  hold = function(person, status, _, body)
    person.key = body:match('name="key" value="([^"]+)"')
    if status == 200 and person.key then return "confirm" end
    person.tries = person.tries + 1
    -- Another citizen was faster: the page offers others.
    return status == 409 and person.tries < 5 and (choose_slot(person, body) or "finder")
  end,
  confirm = function(person, status, headers)
    person.receipt = path_in(header(headers, "location"))
    return status < 400 and person.receipt and "receipt"
  end,
  receipt = function(_, status, _, body)
    return status == 200 and body:find("jari-number", 1, true) and "end"
  end,
  form = function(person, status, headers)
    local cookie = header(headers, "set-cookie")
    person.cookie = cookie and cookie:match("^[^;]+") or person.cookie
    return status < 400 and cookie and "code"
  end,
  code = function(person, status, _, body)
    person.code = body:match("code is (%d%d%d%d%d%d)")
    return status == 200 and person.code and "check"
  end,
  check = function(_, status) return status < 400 and "end" end,
}

-- One request in so many milliseconds for each thread: load that is offered, not all it can.
local next_at
if PACE > 0 then
  function delay()
    local time = now()
    -- Late by a second at most: what was not offered then is not made up for.
    next_at = next_at and math.max(next_at + PACE, time - 1000) or time + PACE * math.random()
    return math.max(0, math.floor(next_at - time))
  end
end

function request()
  if current == nil then choose() end
  local text = requests[current.step](current)
  sent = now()
  return text
end

function response(status, headers, body)
  local person, time = current, now()
  if person.step ~= "idle" then
    journal:write(person.step, " ", time - sent, " ", status, " ", time, "\n")
  end
  local retry = tonumber(header(headers, "retry-after") or "")
  if (status == 429 or status == 503) and retry then
    journal:write("later ", retry * 1000, " ", status, " ", time, "\n")
    return wait(person, retry * 1000)
  end
  local after = answers[person.step](person, status, headers, body)
  if after == "wait" then return wait(person, POLL) end
  if after and after ~= "end" then
    person.step = after
    return
  end
  if after == "end" and person.began then
    journal:write("through ", time - person.began, " 0 ", time, "\n")
  elseif person.began then
    journal:write("stuck:", person.step, " ", time - person.began, " ", status, " ", time, "\n")
  end
  current = nil
end

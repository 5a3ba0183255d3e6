-- Coroutines that sleep until their time has come.
local heap = require "heap"

local Scheduler = {}
Scheduler.__index = Scheduler

local function new()
  local by_time = function(a, b)
    if a.time == b.time then return a.order < b.order end
    return a.time < b.time
  end
  return setmetatable({ now = 0, order = 0, waiting = heap.new(by_time), failures = {} }, Scheduler)
end

local function enqueue(self, thread, time)
  self.order = self.order + 1
  self.waiting:push({ thread = thread, time = time, order = self.order })
end

function Scheduler:spawn(body, ...)
  local arguments, count = { ... }, select("#", ...)
  local unpack = table.unpack or unpack
  enqueue(self, coroutine.create(function() return body(unpack(arguments, 1, count)) end), self.now)
end

function Scheduler.sleep(seconds) coroutine.yield(seconds) end

function Scheduler:step()
  local job = self.waiting:pop()
  if not job then return false end
  self.now = job.time
  local ok, delay = coroutine.resume(job.thread)
  if not ok then
    self.failures[#self.failures + 1] = delay
  elseif coroutine.status(job.thread) ~= "dead" then
    enqueue(self, job.thread, self.now + (delay or 0))
  end
  return true
end

function Scheduler:run(limit)
  local steps = 0
  while steps < (limit or math.huge) and self:step() do steps = steps + 1 end
  return steps
end

return { new = new, sleep = Scheduler.sleep }

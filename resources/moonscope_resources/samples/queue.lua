-- First in, first out; both ends in constant time.
local Queue = {}
Queue.__index = Queue

local function new()
  return setmetatable({ head = 1, tail = 0 }, Queue)
end

function Queue:push(value)
  if value == nil then error("a queue cannot hold nil", 2) end
  self.tail = self.tail + 1
  self[self.tail] = value
end

function Queue:pop()
  if self.head > self.tail then return nil end
  local value = self[self.head]
  self[self.head] = nil
  self.head = self.head + 1
  if self.head > self.tail then self.head, self.tail = 1, 0 end
  return value
end

function Queue:peek() return self[self.head] end
function Queue:size() return self.tail - self.head + 1 end
function Queue:empty() return self.head > self.tail end

function Queue:drain(visit)
  while not self:empty() do visit(self:pop()) end
end

return { new = new }

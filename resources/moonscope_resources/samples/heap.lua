-- A binary heap: the least element first.
local Heap = {}
Heap.__index = Heap

local function new(less)
  return setmetatable({ size = 0, less = less or function(a, b) return a < b end }, Heap)
end

local function floor_half(i) return (i - i % 2) / 2 end

function Heap:push(value)
  self.size = self.size + 1
  local i = self.size
  self[i] = value
  while i > 1 do
    local parent = floor_half(i)
    if not self.less(self[i], self[parent]) then break end
    self[i], self[parent] = self[parent], self[i]
    i = parent
  end
end

function Heap:pop()
  if self.size == 0 then return nil end
  local top = self[1]
  self[1] = self[self.size]
  self[self.size] = nil
  self.size = self.size - 1
  local i = 1
  while true do
    local least, left, right = i, 2 * i, 2 * i + 1
    if left <= self.size and self.less(self[left], self[least]) then least = left end
    if right <= self.size and self.less(self[right], self[least]) then least = right end
    if least == i then return top end
    self[i], self[least] = self[least], self[i]
    i = least
  end
end

function Heap:peek() return self[1] end

return { new = new }

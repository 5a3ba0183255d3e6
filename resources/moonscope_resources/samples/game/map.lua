-- A grid with walls, made from a seed.
local random = require "random"

local Map = {}
Map.__index = Map

local function new(width, height, seed)
  local map = setmetatable({ width = width, height = height, cells = {} }, Map)
  local dice = random.new(seed)
  for i = 1, width * height do map.cells[i] = dice:next() < 0.22 and "#" or "." end
  return map
end

function Map:inside(x, y) return x >= 1 and y >= 1 and x <= self.width and y <= self.height end
function Map:at(x, y) return self:inside(x, y) and self.cells[(y - 1) * self.width + x] or "#" end
function Map:walkable(x, y) return self:at(x, y) == "." end
function Map:clear(x, y) self.cells[(y - 1) * self.width + x] = "." end

function Map:draw()
  local lines = {}
  for y = 1, self.height do
    lines[y] = table.concat(self.cells, "", (y - 1) * self.width + 1, y * self.width)
  end
  return table.concat(lines, "\n")
end

return { new = new }

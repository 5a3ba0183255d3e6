-- Vectors in the plane.
local Vector = {}
Vector.__index = Vector

local function new(x, y)
  return setmetatable({ x = x or 0, y = y or 0 }, Vector)
end

function Vector.__add(a, b) return new(a.x + b.x, a.y + b.y) end
function Vector.__sub(a, b) return new(a.x - b.x, a.y - b.y) end
function Vector.__mul(a, k) return new(a.x * k, a.y * k) end
function Vector.__eq(a, b) return a.x == b.x and a.y == b.y end
function Vector.__tostring(v) return string.format("(%g, %g)", v.x, v.y) end

function Vector:dot(other) return self.x * other.x + self.y * other.y end
function Vector:length() return math.sqrt(self:dot(self)) end

function Vector:normalized()
  local length = self:length()
  if length == 0 then return new(0, 0) end
  return new(self.x / length, self.y / length)
end

function Vector:distance(other) return (self - other):length() end

function Vector:lerp(other, t)
  return new(self.x + (other.x - self.x) * t, self.y + (other.y - self.y) * t)
end

return { new = new, zero = new(0, 0), type = Vector }

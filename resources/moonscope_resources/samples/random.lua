-- Repeatable random numbers: the same seed gives the same world on every Lua.
local Random = {}
Random.__index = Random

local MODULUS, FACTOR = 2147483647, 16807

local function new(seed)
  seed = (seed or 1) % MODULUS
  return setmetatable({ state = seed == 0 and 1 or seed }, Random)
end

function Random:next()
  self.state = self.state * FACTOR % MODULUS
  return self.state / MODULUS
end

function Random:integer(low, high) return low + math.floor(self:next() * (high - low + 1)) end
function Random:choice(list) return list[self:integer(1, #list)] end

function Random:shuffle(list)
  for i = #list, 2, -1 do
    local j = self:integer(1, i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

function Random:weighted(weights)
  local total = 0
  for _, entry in ipairs(weights) do total = total + entry.weight end
  local point = self:next() * total
  for _, entry in ipairs(weights) do
    point = point - entry.weight
    if point <= 0 then return entry.value end
  end
end

return { new = new }

-- What a player carries: stacks with a limit on their weight.
local config = require "config"

local Inventory = {}
Inventory.__index = Inventory

local function new(limit)
  return setmetatable({ stacks = {}, limit = limit or 50, coins = 0 }, Inventory)
end

function Inventory:weight()
  local sum = 0
  for name, count in pairs(self.stacks) do sum = sum + config.item(name).weight * count end
  return sum
end

function Inventory:add(name, count)
  count = count or 1
  local item = config.item(name)
  if self:weight() + item.weight * count > self.limit then return false, "too heavy" end
  local total = (self.stacks[name] or 0) + count
  if total > (item.stack or 1) * 10 then return false, "too many" end
  self.stacks[name] = total
  return true
end

function Inventory:remove(name, count)
  count = count or 1
  local held = self.stacks[name] or 0
  if held < count then return false, "not enough" end
  self.stacks[name] = held > count and held - count or nil
  return true
end

function Inventory:sell(name, count)
  local ok, reason = self:remove(name, count)
  if not ok then return nil, reason end
  local price = math.floor(config.item(name).price * 0.6) * (count or 1)
  self.coins = self.coins + price
  return price
end

function Inventory:each()
  local names = {}
  for name in pairs(self.stacks) do names[#names + 1] = name end
  table.sort(names)
  local i = 0
  return function()
    i = i + 1
    return names[i], self.stacks[names[i]]
  end
end

return { new = new }

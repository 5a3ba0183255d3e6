-- Buying and selling; prices follow demand.
local config = require "config"
local locale = require "locale"

local Shop = {}
Shop.__index = Shop

local function new(stock)
  local shop = setmetatable({ stock = {}, demand = {} }, Shop)
  for name, count in pairs(stock) do shop.stock[name] = count end
  return shop
end

function Shop:price(name)
  local factor = 1 + math.min((self.demand[name] or 0) * 0.02, 0.5)
  return math.ceil(config.item(name).price * factor)
end

function Shop:buy(player, name, count)
  count = count or 1
  local price = self:price(name) * count
  if (self.stock[name] or 0) < count then return nil, "sold out" end
  if player.bag.coins < price then return nil, "too expensive" end
  local ok, reason = player.bag:add(name, count)
  if not ok then return nil, reason end
  player.bag.coins = player.bag.coins - price
  self.stock[name] = self.stock[name] - count
  self.demand[name] = (self.demand[name] or 0) + count
  return price
end

function Shop:purchase(player, name, count)
  local price, reason = player.bag:sell(name, count)
  if not price then return nil, reason end
  self.stock[name] = (self.stock[name] or 0) + (count or 1)
  player:tell("sold", { count = count or 1, item = name, price = price })
  return price
end

return { new = new }

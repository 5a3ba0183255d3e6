-- A player: an entity with a bag, experience and a language.
local class = require "class"
local config = require "config"
local Entity = require "game.entity"
local inventory = require "game.inventory"
local locale = require "locale"

local Player = class.extend(Entity, "Player")

function Player:init(name, position)
  Entity.init(self, name, 100, position)
  self.experience = 0
  self.bag = inventory.new(60)
  self.messages = {}
end

function Player:level() return config.level_for(self.experience) end

function Player:tell(text, values)
  self.messages[#self.messages + 1] = locale.text(text, values)
  return self.messages[#self.messages]
end

function Player:gain(points)
  local before = self:level()
  self.experience = self.experience + points
  for level = before + 1, self:level() do
    self.full_health = self.full_health + 10
    self.health = self.full_health
    self:tell("levelled", { player = self.label, level = level })
  end
end

function Player:armour()
  local sum = 0
  for name in self.bag:each() do sum = sum + (config.item(name).armour or 0) end
  return math.min(sum, config.combat.armour_cap)
end

return Player

-- Monsters wander, chase and flee.
local class = require "class"
local Entity = require "game.entity"
local machine = require "machine"

local Monster = class.extend(Entity, "Monster")

local rules = {
  { from = "wander", event = "sees", to = "chase" },
  { from = "chase", event = "loses", to = "wander" },
  { from = "chase", event = "hurt", to = "flee", guard = function(health) return health < 10 end },
  { from = "flee", event = "safe", to = "wander" },
}

function Monster:init(kind, position)
  Entity.init(self, kind.name, kind.health, position)
  self.kind = kind
  self.mind = machine.new({ initial = "wander", rules = rules })
end

function Monster:think(players)
  local nearest, best = nil, self.kind.sight
  for _, player in ipairs(players) do
    local distance = self.position:distance(player.position)
    if player:alive() and distance <= best then nearest, best = player, distance end
  end
  self.mind:fire(nearest and "sees" or "loses")
  return nearest
end

function Monster:loot(random)
  return random:weighted(self.kind.loot)
end

Monster.kinds = {
  rat = { name = "Rat", health = 12, damage = 3, sight = 4, loot = { { value = "arrow", weight = 3 }, { value = "potion", weight = 1 } } },
  wolf = { name = "Wolf", health = 30, damage = 7, sight = 9, loot = { { value = "potion", weight = 1 } } },
  ghost = { name = "Ghost", health = 45, damage = 11, sight = 14, loot = { { value = "lantern", weight = 1 } } },
}

return Monster

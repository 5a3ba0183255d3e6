-- Whatever has a place and can be hurt.
local class = require "class"
local vector = require "vector"

local Entity = class.new("Entity")
local last_id = 0

function Entity:init(name, health, position)
  last_id = last_id + 1
  self.id = last_id
  self.label = name
  self.health = health
  self.full_health = health
  self.position = position or vector.new(0, 0)
end

function Entity:alive() return self.health > 0 end
function Entity:hurt(points) self.health = math.max(self.health - points, 0) end
function Entity:heal(points) self.health = math.min(self.health + points, self.full_health) end
function Entity:move_to(position) self.position = position end
function Entity:describe() return ("%s #%d (%d/%d)"):format(self.label, self.id, self.health, self.full_health) end

return Entity

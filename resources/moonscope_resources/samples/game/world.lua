-- The world: everything that lives on one map, moved on by ticks.
local combat = require "game.combat"
local config = require "config"
local events = require "events"
local map = require "game.map"
local Monster = require "game.monster"
local path = require "game.path"
local random = require "random"
local vector = require "vector"

local World = {}
World.__index = World

local function new(seed)
  local size = config.world
  local world = setmetatable({
    map = map.new(size.width, size.height, seed or size.seed),
    dice = random.new((seed or size.seed) + 1),
    players = {},
    monsters = {},
    events = events.new(),
    ticks = 0,
  }, World)
  world.map:clear(size.spawn.x, size.spawn.y)
  return world
end

local function free_place(world)
  for _ = 1, 1000 do
    local x = world.dice:integer(1, world.map.width)
    local y = world.dice:integer(1, world.map.height)
    if world.map:walkable(x, y) then return vector.new(x, y) end
  end
  return vector.new(config.world.spawn.x, config.world.spawn.y)
end

function World:enter(player)
  player:move_to(vector.new(config.world.spawn.x, config.world.spawn.y))
  self.players[#self.players + 1] = player
  self.events:emit("entered", player)
  return player:tell("welcome", { server = config.server.name, player = player.label })
end

function World:populate(count)
  local names = { "rat", "rat", "wolf", "ghost" }
  for _ = 1, count do
    self.monsters[#self.monsters + 1] = Monster(Monster.kinds[self.dice:choice(names)], free_place(self))
  end
end

local function chase(world, monster, player)
  local way = path.find(world.map, monster.position, player.position)
  if way and way[2] then monster:move_to(vector.new(way[2].x, way[2].y)) end
end

function World:tick()
  self.ticks = self.ticks + 1
  for i = #self.monsters, 1, -1 do
    local monster = self.monsters[i]
    local player = monster:think(self.players)
    if player and monster.position:distance(player.position) < 2 then
      combat.duel(player, monster, self.dice)
      if not monster:alive() then
        player:gain(monster.full_health)
        player.bag:add(monster:loot(self.dice))
        table.remove(self.monsters, i)
        self.events:emit("defeated", player, monster)
      end
    elseif player then
      chase(self, monster, player)
    end
  end
end

return { new = new }

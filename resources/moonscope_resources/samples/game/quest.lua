-- Quests: what is asked for, how far a player is. The boot script of a VM may set QUEST_SCALE for events.
local config = require "config"

local Quest = {}
Quest.__index = Quest

local quests = {
  { name = "Rats in the cellar", kind = "rat", count = 5, coins = 40 },
  { name = "The howling", kind = "wolf", count = 3, coins = 90 },
  { name = "Who walks at night", kind = "ghost", count = 2, coins = 150 },
}

local function new(number)
  local quest = quests[number] or error("there is no quest " .. tostring(number), 2)
  local scale = QUEST_SCALE or 1
  return setmetatable({ name = quest.name, kind = quest.kind, left = math.ceil(quest.count * scale),
    coins = quest.coins * scale }, Quest)
end

function Quest:defeated(monster)
  if monster.kind.name == self.kind and self.left > 0 then self.left = self.left - 1 end
  return self.left == 0
end

function Quest:reward(player)
  if self.left > 0 then return nil, self.left .. " to go" end
  player:gain(self.coins / 2)
  if DEBUG then print("reward", self.name, player.label, config.server.name) end
  return self.coins
end

return { new = new, all = quests }

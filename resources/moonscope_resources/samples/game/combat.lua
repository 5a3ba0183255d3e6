-- One exchange of blows.
local config = require "config"

local M = {}

local function damage_of(attacker)
  if attacker.kind then return attacker.kind.damage end
  local best = config.combat.base_damage
  for name in attacker.bag:each() do
    best = math.max(best, config.item(name).damage or 0)
  end
  return best
end

function M.strike(attacker, target, random)
  local points = damage_of(attacker)
  local critical = random:next() < config.combat.critical_chance
  if critical then points = points * config.combat.critical_factor end
  if target.armour then points = points * (1 - target:armour()) end
  points = math.max(math.floor(points), 1)
  target:hurt(points)
  return points, critical
end

function M.duel(a, b, random)
  local rounds = 0
  while a:alive() and b:alive() and rounds < 200 do
    rounds = rounds + 1
    M.strike(a, b, random)
    if b:alive() then M.strike(b, a, random) end
  end
  return a:alive() and a or b, rounds
end

return M

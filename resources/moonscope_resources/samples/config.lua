-- What the server reads at start; numbers are tuned by hand.
local config = {
  server = { name = "Tranquility Base", port = 8888, tick = 0.1, players = 500 },
  world = { width = 64, height = 64, seed = 42, spawn = { x = 3, y = 5 } },
  combat = { base_damage = 10, critical_chance = 0.15, critical_factor = 2.0, armour_cap = 0.75 },
  items = {
    sword = { price = 120, weight = 4.5, damage = 12, slot = "hand" },
    bow = { price = 90, weight = 2.0, damage = 9, slot = "hand" },
    shield = { price = 75, weight = 6.0, armour = 0.2, slot = "arm" },
    helmet = { price = 60, weight = 2.5, armour = 0.1, slot = "head" },
    potion = { price = 15, weight = 0.3, heals = 25, stack = 20 },
    arrow = { price = 1, weight = 0.05, stack = 200 },
    lantern = { price = 30, weight = 1.2, light = 6 },
  },
  levels = { 0, 100, 250, 450, 700, 1000, 1400, 1900, 2500, 3200 },
}

function config.item(name)
  local item = config.items[name]
  if not item then error("no item is called " .. tostring(name), 2) end
  return item
end

function config.level_for(experience)
  for level = #config.levels, 1, -1 do
    if experience >= config.levels[level] then return level end
  end
  return 1
end

return config

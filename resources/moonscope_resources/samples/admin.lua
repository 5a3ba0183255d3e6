-- The operator's commands. They are globals on purpose: the console of a VM finds them by name.
local strings = require "strings"

local M = { log = {} }

local function note(text)
  M.log[#M.log + 1] = text
  return text
end

function who()
  local names = {}
  for _, player in ipairs(SERVER.world.players) do names[#names + 1] = player.label end
  return table.concat(names, ", ")
end

function announce(text)
  text = strings.trim(text)
  for _, player in ipairs(SERVER.world.players) do player:tell(text) end
  return note("announced " .. text)
end

function give(name, item, count)
  for _, player in ipairs(SERVER.world.players) do
    if player.label == name then
      player.bag:add(item, count or 1)
      return note(name .. " was given " .. item)
    end
  end
  return nil, "no player is called " .. tostring(name)
end

M.commands = { who = who, announce = announce, give = give }

return M

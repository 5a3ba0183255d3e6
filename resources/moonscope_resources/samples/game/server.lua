-- Puts it all together: what a service of the game server runs.
local chat = require "game.chat"
local config = require "config"
local json = require "json"
local Player = require "game.player"
local queue = require "queue"
local scheduler = require "scheduler"
local world = require "game.world"

local M = {}

function M.new(seed)
  local server = { world = world.new(seed), chat = chat.new(), inbox = queue.new(), clock = scheduler.new(), handled = 0 }
  server.world:populate(12)
  return server
end

local commands = {}

function commands.enter(server, message)
  local player = Player(message.name)
  server.chat:join("all", player)
  return server.world:enter(player)
end

function commands.say(server, message)
  local player = server.world.players[message.player]
  return player and server.chat:say("all", player, message.text)
end

function M.handle(server, message)
  local command = commands[message.command]
  if not command then return json.encode({ error = "unknown command", command = message.command }) end
  server.handled = server.handled + 1
  return json.encode({ ok = true, answer = command(server, message) })
end

function M.run(server, seconds)
  local ticks = math.floor(seconds / config.server.tick)
  server.clock:spawn(function()
    for _ = 1, ticks do
      while not server.inbox:empty() do M.handle(server, server.inbox:pop()) end
      server.world:tick()
      scheduler.sleep(config.server.tick)
    end
  end)
  server.clock:run()
  return { ticks = server.world.ticks, monsters = #server.world.monsters, failures = server.clock.failures }
end

return M

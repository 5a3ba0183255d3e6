-- One evening on the server: players come, talk and fight. Prints how it went.
local json = require "json"
local server = require "game.server"

local night = server.new(7)
for _, name in ipairs({ "Selene", "嫦娥", "Artemis" }) do
  night.inbox:push({ command = "enter", name = name })
end
night.inbox:push({ command = "say", player = 1, text = "Good evening" })
local report = server.run(night, 6)
print(json.encode({ handled = night.handled, ticks = report.ticks, monsters = report.monsters }))
for _, failure in ipairs(report.failures) do print("failure", failure) end
return report.ticks, #report.failures

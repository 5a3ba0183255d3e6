-- Channels with a history, and a filter for shouting.
local lru = require "lru"
local strings = require "strings"

local Chat = {}
Chat.__index = Chat

local function new(history)
  return setmetatable({ channels = {}, history = history or 50, recent = lru.new(100) }, Chat)
end

local function channel_of(self, name)
  self.channels[name] = self.channels[name] or { lines = {}, members = {} }
  return self.channels[name]
end

function Chat:join(name, player) channel_of(self, name).members[player.id] = player end
function Chat:leave(name, player) channel_of(self, name).members[player.id] = nil end

local function calm(text)
  if #text > 8 and text == text:upper() then return text:lower() end
  return text
end

function Chat:say(name, player, text)
  text = calm(strings.trim(text))
  if text == "" then return nil, "nothing to say" end
  if self.recent:get(player.id) == text then return nil, "said before" end
  self.recent:put(player.id, text)
  local channel = channel_of(self, name)
  channel.lines[#channel.lines + 1] = player.label .. ": " .. text
  if #channel.lines > self.history then table.remove(channel.lines, 1) end
  local heard = 0
  for _ in pairs(channel.members) do heard = heard + 1 end
  return heard
end

return { new = new }

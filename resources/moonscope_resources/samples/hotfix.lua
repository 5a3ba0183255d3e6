-- Loaded after a release that cannot wait for the next one: mends the standard library of this VM in place.
local M = { applied = {} }

local function apply(name, mend)
  if M.applied[name] then return false end
  M.applied[name] = true
  mend()
  return true
end

function M.run()
  apply("unpack of Lua 5.1", function() table.unpack = table.unpack or unpack end)
  apply("a prefix test for chat commands", function()
    function string.begins(text, prefix) return text:sub(1, #prefix) == prefix end
  end)
  return M.applied
end

return M

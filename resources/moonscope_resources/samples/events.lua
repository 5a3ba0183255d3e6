-- An event bus: handlers by name, called in the order they came.
local Bus = {}
Bus.__index = Bus

local function new()
  return setmetatable({ handlers = {}, depth = 0 }, Bus)
end

function Bus:on(name, handler)
  local list = self.handlers[name] or {}
  self.handlers[name] = list
  list[#list + 1] = handler
  return function() self:off(name, handler) end
end

function Bus:once(name, handler)
  local cancel
  cancel = self:on(name, function(...)
    cancel()
    return handler(...)
  end)
  return cancel
end

function Bus:off(name, handler)
  local list = self.handlers[name] or {}
  for i = #list, 1, -1 do
    if list[i] == handler then table.remove(list, i) end
  end
end

function Bus:emit(name, ...)
  local list = self.handlers[name]
  if not list then return 0 end
  local copy = {}
  for i = 1, #list do copy[i] = list[i] end
  for i = 1, #copy do copy[i](...) end
  return #copy
end

return { new = new }

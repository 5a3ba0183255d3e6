-- Single inheritance in forty lines.
local function instantiate(class, ...)
  local object = setmetatable({}, class)
  if object.init then object:init(...) end
  return object
end

local function extend(base, name)
  local class = { name = name, base = base }
  class.__index = class
  class.__tostring = function(object)
    return object.describe and object:describe() or "<" .. name .. ">"
  end
  class.is = function(object, other)
    local current = getmetatable(object)
    while current do
      if current == other then return true end
      current = current.base
    end
    return false
  end
  return setmetatable(class, { __index = base, __call = instantiate })
end

return {
  new = function(name) return extend(nil, name) end,
  extend = extend,
}

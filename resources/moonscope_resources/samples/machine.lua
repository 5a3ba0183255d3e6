-- A state machine from a table of transitions.
local Machine = {}
Machine.__index = Machine

local function new(definition)
  local transitions = {}
  for _, rule in ipairs(definition.rules) do
    transitions[rule.from] = transitions[rule.from] or {}
    transitions[rule.from][rule.event] = rule
  end
  return setmetatable({ state = definition.initial, transitions = transitions, trace = {} }, Machine)
end

function Machine:can(event)
  local rules = self.transitions[self.state]
  return rules ~= nil and rules[event] ~= nil
end

function Machine:fire(event, ...)
  local rule = (self.transitions[self.state] or {})[event]
  if not rule then return nil, ("no %s in state %s"):format(event, self.state) end
  if rule.guard and not rule.guard(...) then return nil, "guard refused" end
  self.trace[#self.trace + 1] = self.state .. " -> " .. rule.to
  self.state = rule.to
  if rule.action then rule.action(...) end
  return self.state
end

return { new = new }

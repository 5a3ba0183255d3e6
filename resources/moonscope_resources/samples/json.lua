-- Values to JSON text. Tables are arrays when their keys are 1 to n.
local M = {}

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return escapes[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function array_length(value)
  local n = 0
  for key in pairs(value) do
    if type(key) ~= "number" then return nil end
    n = n + 1
  end
  return n == #value and n or nil
end

local encode

local encoders = {
  ["nil"] = function() return "null" end,
  boolean = tostring,
  string = quote,
  number = function(value)
    if value ~= value or value == math.huge or value == -math.huge then
      error("JSON has no " .. tostring(value))
    end
    return ("%.14g"):format(value)
  end,
  table = function(value, open)
    if open[value] then error("a table contains itself") end
    open[value] = true
    local parts = {}
    local length = array_length(value)
    if length and length > 0 then
      for i = 1, length do parts[i] = encode(value[i], open) end
    else
      for key, item in pairs(value) do
        parts[#parts + 1] = quote(tostring(key)) .. ":" .. encode(item, open)
      end
      table.sort(parts)
    end
    open[value] = nil
    local text = table.concat(parts, ",")
    return length and length > 0 and "[" .. text .. "]" or "{" .. text .. "}"
  end,
}

function encode(value, open)
  local encoder = encoders[type(value)]
  if not encoder then error("cannot encode a " .. type(value)) end
  return encoder(value, open)
end

function M.encode(value) return encode(value, {}) end

return M

-- What string lacks.
local M = {}

function M.split(text, separator)
  local parts, from = {}, 1
  while true do
    local first, last = text:find(separator, from, true)
    if not first then break end
    parts[#parts + 1] = text:sub(from, first - 1)
    from = last + 1
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

function M.trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end
function M.starts_with(text, prefix) return text:sub(1, #prefix) == prefix end
function M.ends_with(text, suffix) return suffix == "" or text:sub(-#suffix) == suffix end

function M.escape_pattern(text) return (text:gsub("%p", "%%%0")) end

function M.template(text, values)
  return (text:gsub("{([%w_]+)}", function(name)
    local value = values[name]
    if value == nil then return "{" .. name .. "}" end
    return tostring(value)
  end))
end

function M.wrap(text, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > width then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  if line ~= "" then lines[#lines + 1] = line end
  return lines
end

return M

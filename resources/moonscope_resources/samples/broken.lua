-- A file with a syntax error, to see how Moonscope reports one.
local function total(prices)
  local sum = 0
  for _, price in ipairs(prices) do
    sum = sum + price
  return sum
end

return { total = total }

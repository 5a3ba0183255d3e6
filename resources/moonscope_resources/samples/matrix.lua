-- Dense matrices, stored row by row.
local Matrix = {}
Matrix.__index = Matrix

local function new(rows, columns, fill)
  local m = setmetatable({ rows = rows, columns = columns }, Matrix)
  for i = 1, rows * columns do m[i] = fill or 0 end
  return m
end

local function identity(n)
  local m = new(n, n)
  for i = 1, n do m[(i - 1) * n + i] = 1 end
  return m
end

function Matrix:get(row, column) return self[(row - 1) * self.columns + column] end
function Matrix:set(row, column, value) self[(row - 1) * self.columns + column] = value end

function Matrix:transposed()
  local t = new(self.columns, self.rows)
  for row = 1, self.rows do
    for column = 1, self.columns do t:set(column, row, self:get(row, column)) end
  end
  return t
end

function Matrix.__mul(a, b)
  if a.columns ~= b.rows then
    error(("cannot multiply %dx%d by %dx%d"):format(a.rows, a.columns, b.rows, b.columns), 2)
  end
  local product = new(a.rows, b.columns)
  for row = 1, a.rows do
    for column = 1, b.columns do
      local sum = 0
      for k = 1, a.columns do sum = sum + a:get(row, k) * b:get(k, column) end
      product:set(row, column, sum)
    end
  end
  return product
end

return { new = new, identity = identity }

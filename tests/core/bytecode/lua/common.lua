-- Every kind of statement and expression that all Luas know.
local numbers = {1, 2.5, -3, 1e300, 0.1, 1e15, 1e16, 123456789012345, 2^53, 1/3, 0x10, -0.0, 1e999, -1e999}
local strings = {"", "plain", 'quo"te', "back\\slash", "\a\b\f\n\r\t\v\0\1\127\255", "h\195\169", "%d %s",
  "forty bytes and more make a long string in every Lua since 5.2 or so"}
local M, first, second, third = {}, nil, true, false
local counter = 0

function M.plain(a, b) return a, b end
function M.nested() return function(x) return function(y) return x + y + counter end end end
function M:method(k, ...) self[k] = ...; self.name = "n"; self[1], self[2] = k, nil; return self:method(k, ...) end
M.sub = {deep = {}}
function M.sub.deep.leaf() counter = counter + 1 end
M["not a name"] = function() end
local function recursive(n) if n == 0 then return 0 end return recursive(n - 1) end
local anonymous = (function() return 1 end)()

function GLOBAL(...) local a, b, c = ...; return select("#", ...), (...), {...}, {a, b, ...} end
ANOTHER = function(a) return a.b.c.d[a].e["f"][1][1.5][true] end

local function arithmetic(a, b)
  local x = a + b - a * b / a % b ^ a
  x = a + 1; x = 1 + a; x = a - 1; x = 1 - a; x = a * 2; x = 2 / a; x = a / 3; x = a % 3; x = a ^ 4; x = 5 ^ a
  x = a + 1.5; x = 100000 + a; x = a - 100000; x = -a; x = #a; x = not a
  return x, a .. b, a .. "s" .. b .. 1 .. 2
end

local function comparisons(a, b)
  if a == b then return 1 elseif a ~= b then return 2 elseif a < b then return 3 elseif a <= b then return 4
  elseif a > b then return 5 elseif a >= b then return 6 elseif a == nil then return 7 elseif a == 1 then return 8
  elseif a == "s" then return 9 elseif a == 1.5 then return 10 elseif a < 1 then return 11 elseif a <= 2 then return 12
  elseif a > 3 then return 13 elseif a >= 4 then return 14 elseif a < 2.0 then return 15 elseif 1 < a then return 16
  elseif a == true then return 17 elseif not a then return 18 elseif a == 100000 then return 19 end
  local both = a and b; local either = a or b; local mixed = a and b or a == b; either = either or both and mixed
  return a == b, a < b and 1 or 2, not (a <= b), mixed
end

local function loops(t)
  for i = 1, 10 do counter = i end
  for i = 10, 1, -2 do local f = function() return i end; t[i] = f end
  for k, v in pairs(t) do t[k] = v; if k then break end end
  for a, b, c, d in next, t do print(a, b, c, d) end
  while counter < 10 do counter = counter + 1; if counter == 5 then break end end
  repeat local inner = counter; counter = inner + 1 until inner > 20
  while true do local up = counter; local f = function() up = up + 1; return up end; if f() > 3 then break end end
  do local scoped = 1; GLOBAL = function() return scoped end end
end

local function calls(f, ...)
  f(); f(1); f(1, 2, 3); f(...); f(f(...)); f((f(...))); f{1}; f"s"; f:m(); f.x.y:z(1, ...)
  local a, b, c = f(), f(...); a, b, c = f(a), 1, nil; a = f(), 2
  return f(...)
end

local function many_nils() local a, b, c, d, e, f, g; local h; return a, b, c, d, e, f, g, h end
local function upvalues() first, second, third = third, first, second; return function() first = second; M = nil end end
return M, numbers, strings, recursive, anonymous, arithmetic, comparisons, loops, calls, many_nils, upvalues

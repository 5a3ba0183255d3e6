-- goto, _ENV as a local and as an upvalue.
local function env(_ENV) x = 1; y = x; return function() z = x end end
local function jumps(n)
  for i = 1, n do
    for j = 1, n do if j == i then goto continue end; local f = function() return i, j end; env(f); ::continue:: end
  end
  do goto out end
  ::out:: return n
end
local _ENV = {print = print}
print(env, jumps)

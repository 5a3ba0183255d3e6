-- Attribs and integer for-loops; flips of metamethod operands.
local zero <const>, text <const>, made <const> = 0, "constant", {}
local function closing(x) local a <close> = x; for i = 1, 3 do local b <close> = i; if i == 2 then break end end; return a end
local function generic() for k, v in pairs(made) do local c <close> = v; if k == zero then return c end end end
local function flips(a) return 1 + a, 1 - a, a - 1, 2 * a, 3 & a, 1 << a, a << 1, a >> 1, 1 >> a, 1.5 + a, 100000 + a, a - 100000 end
local function compare(a) return a < 1, 1 < a, a <= 1, 1 <= a, a == 1, a > 1.0, 2.0 >= a, a == 127, a == 128, a == -127, a == -128 end
return zero, text, made.field, made[1], made[256], made[text], closing, generic, flips, compare

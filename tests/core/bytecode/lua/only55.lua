-- Declared globals and named vararg parameters.
global print, pairs, declared
global <const> print
local function named(...t) return t[1], t.n, t end
local function only_indexed(a, ...rest) return rest[a], rest.n end
local function passed(...all) local x = all; return x, ... end
global function made(x) return x end
global initialised = 5
declared = named; initialised = made
print(only_indexed, passed, initialised)

-- Integers, integer division, bitwise operators.
local a, b = 7, 0x7fffffffffffffff
local c = a // b | a & b ~ a << b >> a; c = ~c; c = ~~a
c = a // 2; c = 2 // a; c = a & 1; c = 1 & a; c = a | 3; c = a ~ 4; c = a << 1; c = 1 << a; c = a >> 2; c = 2 >> a
c = a & 1.0; c = a | 100000; c = a ~ 100000; c = a & 100000; c = a << 100000; c = a // 1.5; c = a % 2.5
return 1, 1.0, -1, -1.0, 1e100, 2^63, math.mininteger, -9223372036854775807, 3 | 0, 10 // 3, 10.0 // 3, 0x1p4, 1e15, 123456789.0

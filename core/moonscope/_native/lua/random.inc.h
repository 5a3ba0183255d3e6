/* math.random and math.randomseed of Lua 5.1 – 5.3, which take C's one generator of the process: each managed VM has its own
   instead, so that a VM's numbers depend on its own seed and calls only. They are the numbers that the stock functions give
   to a VM that is alone in its process, for which the generator must be C's own; only glibc lends that (random_r). LuaJIT,
   5.4 and 5.5 have one per VM. */
#pragma once

#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/load.inc.h"

#if LUA_VERSION_NUM <= 503 && !defined LUAJIT && defined __GLIBC__
#define OWN_RANDOM

/* Owned by the VM record, made at the first use. `data` leads into `state`. */
struct generator {
    struct random_data data;
    char state[128]; /* as large as that of C's own generator, which makes it the same one */
};

static struct generator *own_generator(lua_State *L)
{
    struct vm *vm = own_vm(L);
    if (vm->generator == NULL) {
        struct generator *made = calloc(1, sizeof *made);
        if (made == NULL)
            luaL_error(L, "not enough memory");
        initstate_r(1, made->state, sizeof made->state, &made->data);
        vm->generator = made;
    }
    return vm->generator;
}

static int32_t next_random(struct generator *generator)
{
    int32_t number;
    random_r(&generator->data, &number);
    return number;
}

/* `share_of`: the number as one of [0, 1). `push_between`: the whole number of an interval that a share stands for, with the
   bounds that stand on the stack from 1 on; raises as the stock function. */
#if LUA_VERSION_NUM == 503

static double share_of(int32_t number)
{
    return number * (1.0 / (RAND_MAX + 1.0));
}

static int push_between(lua_State *L, double share, int bounds)
{
    lua_Integer low = bounds == 1 ? 1 : luaL_checkinteger(L, 1), high = luaL_checkinteger(L, bounds);
    if (low > high)
        return luaL_argerror(L, 1, "interval is empty");
    if (low < 0 && high > INT64_MAX + low)
        return luaL_argerror(L, 1, "interval too large");
    lua_pushinteger(L, (lua_Integer)(share * ((double)(high - low) + 1.0)) + low);
    return 1;
}

#else

static double share_of(int32_t number)
{
    return (double)(number % RAND_MAX) / (double)RAND_MAX;
}

/* `number` is not negative. */
static double whole(double number)
{
    return number < 0x1p53 ? (double)(int64_t)number : number;
}

#if LUA_VERSION_NUM == 501
#define check_bound(L, argument) ((int)luaL_checkinteger(L, argument))
#define width(low, high) ((int)((unsigned)(int)(high) - (unsigned)(int)(low) + 1u))
#else
#define check_bound(L, argument) luaL_checknumber(L, argument)
#define width(low, high) ((high) - (low) + 1)
#endif

static int push_between(lua_State *L, double share, int bounds)
{
    double low = bounds == 1 ? 1 : check_bound(L, 1), high = check_bound(L, bounds);
    if (!(low <= high))
        return luaL_argerror(L, bounds, "interval is empty");
    lua_pushnumber(L, whole(share * width(low, high)) + low);
    return 1;
}

#endif

static int own_random(lua_State *L)
{
    double share = share_of(next_random(own_generator(L)));
    int arguments = lua_gettop(L);
    if (arguments > 2)
        return luaL_error(L, "wrong number of arguments");
    if (arguments > 0)
        return push_between(L, share, arguments);
    lua_pushnumber(L, share);
    return 1;
}

static int own_randomseed(lua_State *L)
{
#if LUA_VERSION_NUM == 501
    unsigned seed = (unsigned)(int)luaL_checkinteger(L, 1);
#elif LUA_VERSION_NUM == 502
    unsigned seed = luaL_checkunsigned(L, 1);
#else
    unsigned seed = (unsigned)(lua_Integer)luaL_checknumber(L, 1);
#endif
    struct generator *generator = own_generator(L);
    srandom_r(seed, &generator->data);
#if LUA_VERSION_NUM > 501
    next_random(generator); /* as the stock function, which finds the first one too much like the seed */
#endif
    return 0;
}

static void replace_random(lua_State *L, int loaded)
{
    lua_getfield(L, loaded, "math");
    put_function(L, "random", own_random);
    put_function(L, "randomseed", own_randomseed);
    lua_pop(L, 1);
}
#endif

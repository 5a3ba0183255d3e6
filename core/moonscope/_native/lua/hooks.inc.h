/* Calls that no hook of a script sees, as it sees nothing of what the stock loader does inside. Our own hooks stay: a loop
   that only loads must still use up its budget, and end when it is told to. */
#pragma once

#include "lua/api.inc.h"

static void budget_hook(lua_State *L, lua_Debug *activation);
static void stop_hook(lua_State *L, lua_Debug *activation);

struct hooks {
    lua_Hook hook; /* NULL: nothing was turned off */
    int mask, count;
};

static bool script_hooks(lua_State *L)
{
    lua_Hook hook = lua_gethook(L);
    return hook != NULL && hook != budget_hook && hook != stop_hook;
}

/* A count hook starts its count anew when it is back. */
static struct hooks hooks_off(lua_State *L)
{
    struct hooks hooks = {script_hooks(L) ? lua_gethook(L) : NULL, 0, 0};
    if (hooks.hook != NULL) {
        hooks.mask = lua_gethookmask(L);
        hooks.count = lua_gethookcount(L);
        lua_sethook(L, NULL, 0, 0);
    }
    return hooks;
}

static void hooks_on(lua_State *L, const struct hooks *hooks)
{
    if (hooks->hook != NULL)
        lua_sethook(L, hooks->hook, hooks->mask, hooks->count);
}

/* Where a run was when it failed or was ended. */
#pragma once

#include "lua/vm.h"
#include "lua/vm_io.h"

#include "lua/api.inc.h"

/* 5.1 has a traceback only as a function of the debug library, which scripts may change and VMs may be without. */
static void keep_traceback(lua_State *L, int loaded)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    lua_getfield(L, loaded, "debug");
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_getfield(L, -1, "traceback");
        lua_setfield(L, LUA_REGISTRYINDEX, "moonscope.traceback");
    }
    lua_pop(L, 1);
#else
    (void)L;
    (void)loaded;
#endif
}

/* Level 0 is the function that runs. */
static void push_traceback(lua_State *L, int level)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    lua_getfield(L, LUA_REGISTRYINDEX, "moonscope.traceback");
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushlstring(L, "", 0);
        lua_pushinteger(L, level + 1);
        plain_call(L, 2, 1);
    }
#else
    luaL_traceback(L, L, NULL, level);
#endif
}

/* In a hook, which is no function of its own: level 0 is what was interrupted. */
static void keep_interruption(lua_State *L, struct vm *vm, const char *text)
{
    if (vm->told || !lua_checkstack(L, 8))
        return;
    vm->told = true;
    int top = lua_gettop(L);
    size_t length = 0;
    push_traceback(L, 0);
    const char *traceback = lua_tolstring(L, -1, &length);
    vm_set_failure(vm, text, strlen(text), traceback, traceback == NULL ? 0 : length);
    lua_settop(L, top);
}

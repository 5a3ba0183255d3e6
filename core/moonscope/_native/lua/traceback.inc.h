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

enum { DEEP = 1000, SHOWN = 20 }; /* levels */

/* Of a stack whose lowest levels take long to get to: Lua goes there from the top, for each of them. */
static void push_top_levels(lua_State *L)
{
    lua_pushstring(L, "stack traceback:");
    for (int level = 0; level < SHOWN; level++) {
        luaL_where(L, level);
        const char *where = lua_tostring(L, -1);
        lua_pushfstring(L, "\n\t%sin a function", where != NULL && *where != '\0' ? where : "[C]: ");
        move_top(L, lua_gettop(L) - 1);
        lua_concat(L, 2);
    }
    lua_pushstring(L, "\n\t...");
    lua_concat(L, 2);
}

/* In a hook, which is no function of its own: level 0 is what was interrupted. */
static void keep_interruption(lua_State *L, struct vm *vm, const char *text)
{
    if (vm->told || !lua_checkstack(L, 8))
        return;
    vm->told = true;
    int top = lua_gettop(L);
    size_t length = 0;
    lua_Debug level;
    if (lua_getstack(L, DEEP, &level))
        push_top_levels(L);
    else
        push_traceback(L, 0);
    const char *traceback = lua_tolstring(L, -1, &length);
    vm_set_failure(vm, text, strlen(text), traceback, traceback == NULL ? 0 : length);
    lua_settop(L, top);
}

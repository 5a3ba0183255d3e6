/* A fresh state for one piece of work. */
#pragma once

#include "cache/arena.h"

#include "lua/api.inc.h"

#if LUA_VERSION_NUM == 505
#define new_state(allocate, data) lua_newstate(allocate, data, luaL_makeseed(NULL))
#elif LUA_VERSION_NUM == 504
#define new_state(allocate, data) lua_newstate(allocate, data)
#else
#define new_state(allocate, data) luaL_newstate() /* LuaJIT wants its own allocator */
#endif

/* Runs `body` in a fresh state with `argument`. False: it raised, or there is no memory. `most`, Lua 5.4 and 5.5: how many
   bytes the state may hold; 0: any. */
static bool in_donor(lua_CFunction body, void *argument, size_t most, char **error)
{
    struct arena arena = {.most = most};
    lua_State *L = new_state(arena_allocate, &arena);
    bool done = false;
    if (L != NULL) {
        lua_pushcclosure(L, body, 0);
        lua_pushlightuserdata(L, argument);
        done = protected_call(L, 1, 0, 0) == LUA_OK;
        if (!done && error != NULL && lua_isstring(L, -1))
            *error = strdup(lua_tostring(L, -1));
        lua_close(L);
    }
    arena_free(&arena);
    return done;
}

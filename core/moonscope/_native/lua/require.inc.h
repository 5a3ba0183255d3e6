/* The searcher that makes `require` load Lua modules through the cache. Which file a name means is left to the stock
   package.searchpath; 5.1 has none, so its rules are followed here. */
#pragma once

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/load.inc.h"

/* Upvalues of the searcher: the package table, the stock package.searchpath (nil in 5.1); a script may have replaced them. */
enum { UPVALUE_PACKAGE = 1, UPVALUE_SEARCHPATH = 2 };

#if LUA_VERSION_NUM == 501 && !defined LUAJIT
/* Pushes the file name and returns true, or pushes the text that lists what was tried. */
static bool search_path(lua_State *L, const char *module, const char *path)
{
    const char *name = luaL_gsub(L, module, ".", "/");
    lua_pushlstring(L, "", 0);
    int tried = lua_gettop(L);
    while (*path != '\0') {
        size_t length = strcspn(path, ";");
        if (length == 0) {
            path++;
            continue;
        }
        lua_pushlstring(L, path, length);
        path += length;
        const char *file = luaL_gsub(L, lua_tostring(L, -1), "?", name);
        FILE *readable = fopen(file, "r");
        if (readable != NULL) {
            fclose(readable);
            return true;
        }
        lua_pushvalue(L, tried);
        lua_pushfstring(L, "\n\tno file '%s'", file);
        lua_concat(L, 2);
        move_top(L, tried);
        lua_settop(L, tried);
    }
    return false;
}
#else
static bool search_path(lua_State *L, const char *module, const char *path)
{
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_SEARCHPATH));
    lua_pushstring(L, module);
    lua_pushstring(L, path);
    plain_call(L, 2, 2); /* the file name, or nil and the text */
    if (lua_type(L, -2) == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}
#endif

static int cached_searcher(lua_State *L)
{
    const char *module = luaL_checklstring(L, 1, NULL);
    lua_getfield(L, lua_upvalueindex(UPVALUE_PACKAGE), "path");
    const char *path = lua_tostring(L, -1);
    if (path == NULL)
        return luaL_error(L, "'package.path' must be a string");
    if (!search_path(L, module, path))
        return 1;
    size_t length;
    const char *name = lua_tolstring(L, -1, &length);
    if (name == NULL)
        return luaL_error(L, "'package.searchpath' must return a string");
    int file = lua_gettop(L);
    if (cached_load(L, own_vm(L), name, NULL) != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", lua_tostring(L, 1), name,
                          lua_tostring(L, -1));
#if LUA_VERSION_NUM == 501
    (void)file;
    return 1;
#else
    lua_pushvalue(L, file); /* the second argument of the module */
    return 2;
#endif
}

/* Puts the searcher where the stock one for Lua files is; expects the package table on top and leaves it there. */
static void replace_searcher(lua_State *L)
{
    int package = lua_gettop(L);
#if LUA_VERSION_NUM == 501
    lua_getfield(L, package, "loaders");
#else
    lua_getfield(L, package, "searchers");
#endif
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_pushinteger(L, 2);
        lua_pushvalue(L, package);
        lua_getfield(L, package, "searchpath");
        lua_pushcclosure(L, cached_searcher, 2);
        lua_rawset(L, -3);
    }
    lua_settop(L, package);
}

/* The libraries of a managed VM: what is taken away before any script runs there, and what is put in its place. The sets
   are those that `Libraries` in model/words.py tells. */
#pragma once

#include "lua/lua.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/text.inc.h"
#include "lua/load.inc.h"
#include "lua/traceback.inc.h"
#include "lua/random.inc.h"

static const char *const debug_names[] = {"debug", NULL};
static const char *const native_modules[] = {"ffi", "string.buffer", "jit.util", "jit.opt", "jit.profile", NULL};
static const char *const native_package[] = {"loadlib", "cpath", NULL};
static const char *const harmless_preload[] = {"table.new", "table.clear", NULL};
static const char *const harmless_jit[] = {"version", "version_num", "os", "arch", "on", "off", "flush", "status", NULL};
static const char *const jit_on_name[] = {"on", NULL};
static const char *const pure_globals[] = {
    "_G", "_VERSION", "assert", "bit", "bit32", "collectgarbage", "coroutine", "dofile", "error", "gcinfo", "getfenv",
    "getmetatable", "ipairs", "load", "loadfile", "loadstring", "math", "module", "newproxy", "next", "os", "package",
    "pairs", "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setfenv", "setmetatable",
    "string", "table", "tonumber", "tostring", "type", "unpack", "utf8", "warn", "xpcall", NULL};
static const char *const pure_modules[] = {
    "_G", "bit", "bit32", "coroutine", "math", "os", "package", "string", "table", "utf8", NULL};
static const char *const pure_os[] = {"clock", "date", "difftime", "time", NULL};

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Removes the entries of the table at an index that have one of these names; with `others`, all but those. No name is
   made a string here: a VM should have no strings of its own that files use (tier direct). */
static void remove_names(lua_State *L, int table, const char *const *names, bool others)
{
    if (lua_type(L, table) != LUA_TTABLE)
        return;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        bool named = lua_type(L, -1) == LUA_TSTRING && is_among(lua_tostring(L, -1), names);
        if (named != others) {
            lua_pushvalue(L, -1);
            lua_pushnil(L);
            lua_rawset(L, table);
        }
    }
}

static void remove_from(lua_State *L, int table, const char *field, const char *const *names, bool others)
{
    lua_getfield(L, table, field);
    remove_names(L, lua_gettop(L), names, others);
    lua_pop(L, 1);
}

/* Of package.searchers: the two that look for C libraries. */
static void remove_c_searchers(lua_State *L, int package)
{
#if LUA_VERSION_NUM == 501
    lua_getfield(L, package, "loaders");
#else
    lua_getfield(L, package, "searchers");
#endif
    for (int i = 4; i > 2; i--) {
        lua_pushinteger(L, i);
        lua_pushnil(L);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);
}

static void take_native(lua_State *L, const struct birth *birth, int loaded)
{
    remove_names(L, loaded, native_modules, false);
    lua_getfield(L, loaded, "package");
    int package = lua_gettop(L);
    remove_c_searchers(L, package);
    remove_names(L, package, native_package, false);
    remove_from(L, package, "preload", harmless_preload, true);
    lua_pop(L, 1);
#ifdef LUAJIT
    remove_from(L, loaded, "jit", harmless_jit, true);
    if (!birth->jit) /* compiled traces cannot be interrupted */
        remove_from(L, loaded, "jit", jit_on_name, false);
#else
    (void)birth;
    (void)harmless_jit;
    (void)jit_on_name;
#endif
}

static void take_debug(lua_State *L, int loaded, int globals)
{
    keep_traceback(L, loaded);
    remove_names(L, loaded, debug_names, false);
    remove_names(L, globals, debug_names, false);
}

/* What the registry keeps of io stays: the finalizers of the standard files need it, and no script gets there. */
static void take_system(lua_State *L, int loaded, int globals)
{
    remove_from(L, loaded, "os", pure_os, true);
    remove_names(L, loaded, pure_modules, true);
    remove_names(L, globals, pure_globals, true);
}

static void load_text_only(lua_State *L, int globals)
{
    lua_pushvalue(L, globals);
    put_function(L, "load", text_load);
#if LUA_VERSION_NUM <= 502 /* 5.2 has it by a choice of its build */
    lua_getfield(L, globals, "loadstring");
    bool there = lua_type(L, -1) == LUA_TFUNCTION;
    lua_pop(L, 1);
    if (there)
        put_function(L, "loadstring", text_loadstring);
#endif
    lua_pop(L, 1);
}

/* The VM is attached, and no script has run. Leaves the stack in disorder. */
static void fit_libraries(lua_State *L, const struct birth *birth)
{
    unsigned without = birth->vm->without;
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    int loaded = lua_gettop(L);
    lua_getfield(L, loaded, "_G");
    int globals = lua_gettop(L);
#ifdef OWN_RANDOM
    replace_random(L, loaded);
#endif
    if (without & WITHOUT_BINARY)
        load_text_only(L, globals);
    if (without & WITHOUT_NATIVE)
        take_native(L, birth, loaded);
    if (without & WITHOUT_DEBUG)
        take_debug(L, loaded, globals);
    if (without & WITHOUT_SYSTEM)
        take_system(L, loaded, globals);
}

/* What an attached VM finds in its globals. A managed VM gets it when it is first asked for something, so that spawning
   many costs little more than the bare states. */
#pragma once

#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/load.inc.h"
#include "lua/require.inc.h"
#include "lua/inside.inc.h"
#include "lua/traceback.inc.h"
#include "lua/coroutines.inc.h"
#include "lua/script_hooks.inc.h"
#include "lua/console.inc.h"

static void set_preload(lua_State *L, int package, const char *name)
{
    lua_getfield(L, package, "preload");
    if (lua_type(L, -1) == LUA_TTABLE)
        put_function(L, name, open_codecache);
    lua_settop(L, package);
}

/* The cached loaders; every attached VM gets them. */
static void install_loaders(lua_State *L, int loaded, int globals)
{
    lua_pushvalue(L, globals);
    put_function(L, "loadfile", cached_loadfile);
    put_function(L, "dofile", cached_dofile);
    lua_getfield(L, loaded, "package");
    if (lua_type(L, -1) == LUA_TTABLE) {
        replace_searcher(L);
        set_preload(L, lua_gettop(L), "codecache");
        set_preload(L, lua_gettop(L), "skynet.codecache");
    }
    lua_settop(L, globals);
}

/* What a VM of the pool gets besides. */
static void install_console(lua_State *L, struct vm *vm, int loaded, int globals)
{
    lua_getfield(L, loaded, "io");
    if (lua_type(L, -1) == LUA_TTABLE)
        capture_io(L, vm);
    lua_pushvalue(L, globals);
#ifdef LUAJIT /* whose own one has such an upvalue */
    lua_pushstring(L, "tostring");
    lua_pushcclosure(L, captured_print, 1);
    lua_setfield(L, -2, "print");
#else
    put_function(L, "print", captured_print);
#endif
    lua_getfield(L, loaded, "os");
    if (lua_type(L, -1) == LUA_TTABLE && !(vm->without & WITHOUT_SYSTEM))
        put_function(L, "exit", captured_exit);
    lua_getfield(L, loaded, "coroutine");
    if (lua_type(L, -1) == LUA_TTABLE)
        track_coroutines(L);
    lua_getfield(L, loaded, "debug");
    if (lua_type(L, -1) == LUA_TTABLE) {
        put_function(L, "sethook", own_sethook);
        put_function(L, "gethook", own_gethook);
    }
#if LUA_VERSION_NUM >= 504
    vm->warnings = LUA_VERSION_NUM >= 505 ? WARNINGS_ON : WARNINGS_OFF;
    lua_setwarnf(L, captured_warning, vm);
#endif
    lua_settop(L, globals);
}

/* What runs need. */
static void install_registry(lua_State *L, int loaded, int globals)
{
#if LUA_VERSION_NUM < 504
    lua_pushlightuserdata(L, (void *)&tostring_key);
    lua_getfield(L, globals, "tostring");
    lua_rawset(L, LUA_REGISTRYINDEX);
#endif
    keep_traceback(L, loaded);
    (void)globals;
}

/* May raise. The stack is empty, and left in disorder. */
static void install(lua_State *L)
{
    struct vm *vm = own_vm(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, 1, "_G");
    install_registry(L, 1, 2);
    install_loaders(L, 1, 2);
    if (vm->managed)
        install_console(L, vm, 1, 2);
}

/* Those of a managed VM first: they stand where the stock ones do. */
static void name_functions(void)
{
    name_function(cached_loadfile, "", "", "loadfile");
    name_function(cached_dofile, "", "", "dofile");
    name_function(captured_print, "", "", "print");
    name_function(tracked_resume, "coroutine", ".", "resume");
    name_function(tracked_wrapped, "coroutine", ".", "wrap");
    name_function(cached_searcher, "", "", "require");
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return;
    protected_start(L, name_body, NULL);
    lua_close(L);
}

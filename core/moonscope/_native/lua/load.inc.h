/* loadfile and dofile through the cache, and the module `codecache`. Results, error texts and arguments are the stock
   functions': whatever the cache does not serve is done by the stock loader of this Lua. */
#pragma once

#include "cache/cache.h"
#include "cache/generation.h"
#include "cache/index.h"
#include "cache/moonscope.h"
#include "lua/clock.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/text.inc.h"
#include "lua/retired.inc.h"
#include "lua/miss.inc.h"

static int vm_mode(const struct vm *vm)
{
    return atomic_load_explicit(&vm->mode, memory_order_relaxed);
}

/* Serves from the cache; false: nothing was pushed, load it otherwise. Without a `start` a first hit is timed from when it is
   known to be one: the lookup is not in it. */
static bool load_stored(lua_State *L, struct vm *vm, const struct key *key, const char *mode, uint64_t start, int *status)
{
    vm_enter(vm);
    struct file *file = index_find(&vm->cache->index, key->hash, key->text, key->length);
    struct generation *generation = file != NULL ? atomic_load(&file->current) : NULL;
    if (generation == NULL || !mode_fits(mode, generation->binary) || (generation->binary && refuses_binary(vm))) {
        vm_exit(vm);
        return false;
    }
    struct hold *hold = vm_hold(vm, generation);
    if (hold == NULL && generation->tier->pins) { /* no memory to say that this VM needs it from now on */
        vm_exit(vm);
        return false;
    }
    bool first = hold == NULL || atomic_load_explicit(&hold->hits, memory_order_relaxed) == 1;
    if (first && start == 0)
        start = ticks_now();
    *status = generation->tier->push(L, vm, hold, &generation->payload, file->chunkname);
    bool ok = *status == LUA_OK;
    if (ok)
        vm_record_hit(vm, hold, first, start, generation);
    vm_exit(vm);
    if (!ok)
        vm_record_key(vm, key, OUTCOME_ERROR, start, NULL);
    return true;
}

/* Pushes the function of a file, or an error message; returns Lua's status. The name stays on the stack, or is the
   caller's, until then. */
static int cached_load(lua_State *L, struct vm *vm, const char *name, const char *mode)
{
    uint64_t start = vm_start_load(vm);
    int status;
    if (name == NULL) /* standard input */
        return load_stock(L, vm, NULL, mode, start != 0 ? start : ticks_now());
    if (vm->taken >= RETIRED_LEAST)
        end_holds(L, vm);
    size_t length = strlen(name); /* as the stock loader reads it: up to the first NUL */
    struct key key = {name, length, index_hash(name, length)};
    if (vm_mode(vm) != MODE_OFF && load_stored(L, vm, &key, mode, start, &status))
        return status;
    if (start == 0)
        start = ticks_now();
    if (vm->cache->tiers[0] != NULL && vm_mode(vm) == MODE_ON && length < CHUNKNAME_ROOM - 1)
        return load_and_store(L, vm, &key, mode, start);
    return load_stock(L, vm, &key, mode, start);
}

static int cached_loadfile(lua_State *L)
{
    const char *name = lua_gettop(L) == 1 ? lua_tolstring(L, 1, NULL) : NULL;
    if (name != NULL) /* as nearly all calls are */
        return load_results(L, cached_load(L, own_vm(L), name, NULL), 0);
    name = luaL_optlstring(L, 1, NULL, NULL);
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    const char *mode = NULL;
    int environment = 0;
#else
    const char *mode = luaL_optlstring(L, 2, NULL, NULL);
    int environment = lua_isnone(L, 3) ? 0 : 3;
#endif
    return load_results(L, cached_load(L, own_vm(L), name, mode), environment);
}

#if LUA_VERSION_NUM >= 503
static int finish_dofile(lua_State *L, int status, lua_Context context)
{
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}
#else
static int finish_dofile(lua_State *L)
{
    return lua_gettop(L) - 1;
}
#endif

static int cached_dofile(lua_State *L)
{
    const char *name = luaL_optlstring(L, 1, NULL, NULL);
    lua_settop(L, 1);
    if (cached_load(L, own_vm(L), name, NULL) != LUA_OK)
        return lua_error(L);
#if LUA_VERSION_NUM == 501
    lua_call(L, 0, LUA_MULTRET);
    return finish_dofile(L);
#elif LUA_VERSION_NUM == 502
    lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
    return finish_dofile(L);
#else
    lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
    return finish_dofile(L, LUA_OK, 0);
#endif
}

static int codecache_clear(lua_State *L)
{
    struct cleared report;
    if (!cache_clear(own_vm(L)->cache, NULL, NULL, -1, false, &report))
        return luaL_error(L, "not enough memory");
    free(report.vms);
    return 0;
}

/* skynet's: without an argument the mode by name, with one it is set (not in a VM that shares nothing). */
static int codecache_mode(lua_State *L)
{
    static const char *const names[] = {"ON", "EXIST", "OFF", NULL};
    struct vm *vm = own_vm(L);
    if (lua_isnoneornil(L, 1)) {
        lua_pushstring(L, names[atomic_load(&vm->mode)]);
        return 1;
    }
    int mode = luaL_checkoption(L, 1, NULL, names);
    if (!vm->unshared)
        atomic_store(&vm->mode, mode);
    return 0;
}

/* As field `name` of the table on top of the stack. */
static void put_function(lua_State *L, const char *name, lua_CFunction function)
{
    lua_pushcclosure(L, function, 0);
    lua_setfield(L, -2, name);
}

/* One table under both of its names. */
static int open_codecache(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&codecache_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (lua_type(L, -1) == LUA_TTABLE)
        return 1;
    lua_createtable(L, 0, 3);
    if (!(own_vm(L)->without & WITHOUT_SYSTEM)) /* it clears for all */
        put_function(L, "clear", codecache_clear);
    put_function(L, "mode", codecache_mode);
    put_function(L, "loadfile", cached_loadfile);
    lua_pushlightuserdata(L, (void *)&codecache_key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 1;
}

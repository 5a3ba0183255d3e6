/* Joining a Lua state and its VM record. A runtime of someone else's program is joined from inside:
   `package.loadlib(library, entry)(token)` reaches C with the real lua_State in every Lua, by documented means only. A
   managed VM gets a state of its own, without lupa's bridge to Python. */
#pragma once

#include "lua/lua.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/load.inc.h"
#include "lua/install.inc.h"
#include "lua/libraries.inc.h"

#ifdef LUAJIT
/* LuaJIT frees its whole heap at once when it is closed with the allocator it was made with, so the end cannot be seen
   there; a finalizer on a userdata in the registry tells that it begins, and the allocator is given back. */
static int state_ends(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    struct lua_Debug activation;
    /* Scripts can reach this function, too. When a state is closed, nothing runs but this finalizer: in the main
       coroutine or, in later releases of LuaJIT 2.1, in one that LuaJIT keeps for finalizers. */
    if (vm == NULL || lua_getstack(L, 1, &activation) || (L != vm->main && lua_getstack(vm->main, 0, &activation)))
        return 0;
    vm_end_interrupts(vm);
    lua_setallocf(L, vm->allocate, vm->allocate_data);
    vm_detach(vm);
    return 0;
}

static void watch_end(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "_G");
    lua_getfield(L, -1, "newproxy"); /* LuaJIT's and 5.1's own way to make an empty userdata */
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushboolean(L, 1);
        plain_call(L, 1, 1);
        lua_getmetatable(L, -1);
        put_function(L, "__gc", state_ends);
        lua_pop(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "moonscope.end");
    }
}
#else
/* The allocator sees the end. */
static void watch_end(lua_State *L)
{
    (void)L;
}
#endif

/* The end of the main coroutine is the end of the state, so no other will do. A script can put another one where the
   registry has it. Raises when it is not found: before 5.2, when this is called from another coroutine. */
static lua_State *main_thread(lua_State *L)
{
    lua_State *main = L;
#if LUA_VERSION_NUM >= 502
    lua_pushinteger(L, LUA_VERSION_NUM >= 505 ? 3 : 1); /* LUA_RIDX_MAINTHREAD */
    lua_rawget(L, LUA_REGISTRYINDEX);
    main = lua_tothread(L, -1);
    lua_pop(L, 1);
#endif
    bool is_main = main != NULL && lua_pushthread(main);
    if (main != NULL)
        lua_pop(main, 1);
    if (!is_main)
        luaL_error(L, "moonscope: attach from the main coroutine of this state");
    return main;
}

/* Raises when there is no memory; vm_detach is called at the state's end in any case. Leaves the stack in disorder. */
static void join(lua_State *L, struct vm *vm, lua_State *main)
{
    void *data = NULL;
    lua_Alloc allocate = lua_getallocf(L, &data);
    vm_attach(vm, main, allocate, data, counted_bytes(L));
    lua_setallocf(L, vm_allocate, vm);
    watch_end(L);
}

#define ENTRY_NAME(tag) PASTE_ENTRY(tag)
#define PASTE_ENTRY(tag) moonscope_attach_##tag

/* Argument: the token of Cache.prepare. */
__attribute__((visibility("default"))) int ENTRY_NAME(LUA_TAG)(lua_State *L)
{
    lua_State *main = main_thread(L);
    struct vm *vm = pending_take(luaL_checklstring(L, 1, NULL));
    if (vm == NULL)
        return luaL_error(L, "moonscope: no VM waits for this token");
    if (attached_vm(L) != NULL) { /* two records would each believe that the allocator and the end are theirs */
        vm_release(vm);
        return luaL_error(L, "it loads through a cache already");
    }
    lua_settop(L, 0);
    join(L, vm, main);
    vm_release(vm); /* the attached state has its own reference now */
    lua_settop(L, 0);
    install(L);
    vm->installed = true;
    return 0;
}

static void prepend_path(lua_State *L, const struct birth *birth)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "package");
    lua_pushlstring(L, birth->search_path, birth->path_length);
    lua_getfield(L, -2, "path");
    lua_concat(L, 2);
    lua_setfield(L, -2, "path");
}

#ifdef LUAJIT
static void jit_off(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "jit");
    lua_getfield(L, -1, "off");
    plain_call(L, 0, 0);
}
#endif

/* Argument: struct birth. */
static int birth_body(lua_State *L)
{
    struct birth *birth = lua_touserdata(L, 1);
    open_libraries(L);
    if (birth->path_length > 0)
        prepend_path(L, birth);
#ifdef LUAJIT
    if (!birth->jit)
        jit_off(L);
#endif
    join(L, birth->vm, L);
#ifndef LUAJIT
    birth->vm->stock_allocator = true; /* luaL_newstate made it */
#endif
    fit_libraries(L, birth);
    return 0;
}

static lua_State *spawn(struct birth *birth)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return NULL;
    if (protected_start(L, birth_body, birth) == LUA_OK)
        return L;
    lua_close(L);
    vm_detach(birth->vm); /* on LuaJIT the end is not seen before watch_end is done */
    return NULL;
}

/* Its finalizers can be ended like a run, until the state is freed (vm_allocate) or, on LuaJIT, state_ends is called. */
static void close_state(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    if (vm != NULL)
        vm_begin_interrupts(vm, L);
    lua_close(L);
}

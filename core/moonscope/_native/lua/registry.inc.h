/* Where a state's VM record is found, and what is kept in its registry. A script can reach and replace everything in a
   registry, and every upvalue of a C function (`debug`), so neither has anything that C would follow unchecked. */
#pragma once

#include "lua/vm.h"

#include "lua/api.inc.h"
#if LUA_VERSION_NUM >= 504
#include "lua/heap.inc.h"
#endif

/* Their addresses are registry keys. */
static const char tostring_key; /* 5.1 – 5.3: of the stock tostring */
static const char codecache_key; /* of the module's table, once it was required */
static const char kept_key; /* of the table of functions that Load keeps (lua/kept.inc.h) */

/* The record goes with the allocator, which no script can reach. NULL: not attached, or (LuaJIT) about to end. */
static struct vm *attached_vm(lua_State *L)
{
#if LUA_VERSION_NUM >= 504
    if (atomic_load_explicit(&heap_proved, memory_order_relaxed)) /* without a call: each load asks */
        return heap_of(L)->allocate == vm_allocate ? heap_of(L)->data : NULL;
#endif
    void *data = NULL;
    return lua_getallocf(L, &data) == vm_allocate ? data : NULL;
}

/* For functions that scripts call. */
static struct vm *own_vm(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    if (vm == NULL)
        luaL_error(L, "this VM is not attached to a cache any more");
    return vm;
}

#if LUA_VERSION_NUM < 504
static void get_kept(lua_State *L, const char *key)
{
    lua_pushlightuserdata(L, (void *)key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}
#endif

/* The functions that Load keeps for a VM's owner: a table in the registry.

   What is shared by a tier that pins is at the number of its generation's slot, so a VM that loads what others have
   loaded needs no name of its own: 16 bytes a file. The function keeps the hold, and the hold the slot, so no other
   generation has it meanwhile. All else is at its name. A script may change the table; that is its own loss. */
#pragma once

#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"

/* Pushes the table, a new one when a script has dropped it. */
static void push_kept(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&kept_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (lua_type(L, -1) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 0);
    lua_pushlightuserdata(L, (void *)&kept_key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

enum { REPLACED_AT_ONCE = 16 };

static RAW_INDEX kept_index(uint32_t slot)
{
    return (RAW_INDEX)slot + 1;
}

/* Drops from the table at `kept` what was kept of the file before its generation at `slot`. */
static void drop_replaced(lua_State *L, int kept, struct vm *vm, uint32_t slot, const char *name)
{
    uint32_t replaced[REPLACED_AT_ONCE];
    size_t count = vm_replaced(vm, slot, replaced, REPLACED_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        lua_pushnil(L);
        lua_rawseti(L, kept, kept_index(replaced[i]));
    }
    if (vm->keeps_names) {
        lua_pushstring(L, name);
        lua_pushnil(L);
        lua_rawset(L, kept);
    }
}

/* The function that the VM's last load pushed is on top, and is popped; the table is at `kept`. */
static void keep_function(lua_State *L, int kept, struct vm *vm, const char *name)
{
    uint32_t slot = vm->served;
    if (slot == NO_SLOT) {
        vm->keeps_names = true;
        lua_pushstring(L, name);
        lua_pushvalue(L, -2);
        lua_rawset(L, kept);
        lua_pop(L, 1);
        return;
    }
    lua_rawgeti(L, kept, kept_index(slot));
    bool first = lua_type(L, -1) == LUA_TNIL;
    lua_pop(L, 1);
    if (first)
        drop_replaced(L, kept, vm, slot, name);
    lua_rawseti(L, kept, kept_index(slot));
}

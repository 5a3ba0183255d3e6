/* New closures over prototypes that were made by hand (tiers graft and direct). No function makes them that a script could
   reach or replace, and no call that a hook would see. */
#pragma once

#include "lua/api.inc.h"
#include "lua/layout.inc.h"
#include "lua/heap.inc.h"

enum { GLOBALS = 2 }; /* LUA_RIDX_GLOBALS */

enum { CLOSURE_SIZE = sizeof(struct closure_layout) + sizeof(void *) };

/* Pushes a closure over a main prototype, with an upvalue of its own: setting the environment of one must not touch
   another. False: no memory. */
static bool try_closure(lua_State *L, void *proto)
{
    struct heap_layout *heap = heap_of(L);
    struct closure_layout *closure = heap_new(heap, CLOSURE_SIZE);
    struct closed_upvalue *upvalue = closure != NULL ? heap_new(heap, sizeof *upvalue) : NULL;
    if (upvalue == NULL) {
        if (closure != NULL)
            heap_free(heap, closure, CLOSURE_SIZE);
        return false;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, GLOBALS);
    struct value_layout *top = top_value(L);
    upvalue->at = &upvalue->value;
    upvalue->value.value = top->value;
    upvalue->value.kind = top->kind;
    closure->upvalue_count = 1;
    closure->gray = NULL;
    closure->proto = proto;
    closure->upvalues[0] = upvalue;
    heap_link(heap, upvalue, KIND_UPVALUE);
    heap_link(heap, closure, KIND_CLOSURE);
    top->value.object = closure;
    top->kind = KIND_CLOSURE | COLLECTABLE;
    return true;
}

/* The same, or pushes a message. Returns Lua's status. */
static int push_closure(lua_State *L, void *proto)
{
    if (try_closure(L, proto))
        return LUA_OK;
    int status = no_memory(L), message = lua_gettop(L);
    if (!try_closure(L, proto))
        return status;
    move_top(L, message);
    return LUA_OK;
}

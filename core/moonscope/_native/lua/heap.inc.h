/* What grafts and closures need of a Lua state beyond its API, for 64-bit Lua 5.4 and 5.5: how its collector keeps objects
   and counts bytes, where its stack ends, and whether its hooks run. Facts of lstate.h and lgc.h; nothing here is used
   before heap_fits() has held it against a fresh state. */
#pragma once

#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/layout.inc.h"

enum { WHITES = 0x18, BLACK = 0x20 }; /* of an object's mark */

/* global_State */
struct heap_layout {
    lua_Alloc allocate;
    void *data;
    int64_t total, debt; /* the bytes of all objects are total + debt, in 5.5 total - debt */
    char other[LUA_VERSION_NUM == 505 ? 74 : 68];
    uint8_t white; /* that new objects have; one with the other white is dead */
    char more[LUA_VERSION_NUM == 505 ? 5 : 11];
    struct object_layout *objects; /* newest first */
};

struct state_layout {
    void *next;
    uint8_t kind, mark;
#if LUA_VERSION_NUM == 505
    uint8_t hooks_allowed, status;
#else
    uint8_t status, hooks_allowed;
#endif
    uint16_t calls;
    struct value_layout *top;
    struct heap_layout *heap;
};

struct closed_upvalue {
    void *next;
    uint8_t kind, mark;
    struct value_layout *at; /* &value */
    struct value_layout value;
};

_Static_assert(offsetof(struct heap_layout, white) == (LUA_VERSION_NUM == 505 ? 106 : 100) &&
                   offsetof(struct heap_layout, objects) == 112, "global_State");
_Static_assert(offsetof(struct state_layout, top) == 16 && offsetof(struct state_layout, heap) == 24, "lua_State");
_Static_assert(sizeof(struct closed_upvalue) == 40 && offsetof(struct closed_upvalue, value) == 24, "UpVal");

enum { KIND_CLOSURE = 0x06, KIND_UPVALUE = 0x09 };

static struct heap_layout *heap_of(lua_State *L)
{
    return ((struct state_layout *)(void *)L)->heap;
}

/* Set once, when layout_known() has held a state against all of this. */
static _Atomic bool heap_proved;

/* The value on top of the stack. */
static struct value_layout *top_value(lua_State *L)
{
    return ((struct state_layout *)(void *)L)->top - 1;
}

/* The collector believes that so many bytes more are held. */
static void heap_count(struct heap_layout *heap, int64_t bytes)
{
    heap->debt += LUA_VERSION_NUM == 505 ? -bytes : bytes;
}

/* A block for objects; the collector counts it. NULL: no memory. */
static void *heap_new(struct heap_layout *heap, size_t size)
{
    void *block = heap->allocate(heap->data, NULL, 0, size);
    if (block != NULL)
        heap_count(heap, (int64_t)size);
    return block;
}

static void heap_free(struct heap_layout *heap, void *block, size_t size)
{
    heap->allocate(heap->data, block, size, 0);
    heap_count(heap, -(int64_t)size);
}

/* From here on the object is the collector's. As for every new one, what it refers to needs no barrier. */
static void heap_link(struct heap_layout *heap, void *object, uint8_t kind)
{
    struct object_layout *header = object;
    header->kind = kind;
    header->mark = heap->white & WHITES;
    header->next = heap->objects;
    heap->objects = header;
}

/* Found by the collector to be in no use; only not freed yet. */
static bool is_dead(const struct heap_layout *heap, const void *object)
{
    return ((const struct object_layout *)object)->mark & ~heap->white & WHITES;
}

/* Objects that C makes do not make the collector work, so each load asks whether it should. May run finalizers; raises
   nothing. */
static void collector_turn(lua_State *L)
{
    int64_t debt = heap_of(L)->debt;
    if (LUA_VERSION_NUM == 505 ? debt > 0 : debt <= 0)
        return;
    lua_pushnil(L);
    lua_concat(L, 1); /* of all functions of the API the one that does this and nothing else */
    lua_pop(L, 1);
}

static const int64_t COLLECTOR_PAUSE = (int64_t)1 << 40;

/* Until collector_on no API call makes the collector work, but for one that finds no memory: it collects all. */
static void collector_off(struct heap_layout *heap)
{
    heap_count(heap, -COLLECTOR_PAUSE);
    heap->total += COLLECTOR_PAUSE;
}

static void collector_on(struct heap_layout *heap)
{
    int64_t debt = LUA_VERSION_NUM == 505 ? -heap->debt : heap->debt;
    if (debt > -COLLECTOR_PAUSE / 2) /* all was collected, and the debt set anew */
        return;
    heap_count(heap, COLLECTOR_PAUSE);
    heap->total -= COLLECTOR_PAUSE;
}

/* A protected call that no hook sees, as scripts see nothing of what the stock loader does inside; a count hook's count
   goes on. Returns Lua's status. */
static int quiet_call(lua_State *L, int arguments, int results)
{
    struct state_layout *state = (struct state_layout *)(void *)L;
    uint8_t allowed = __atomic_exchange_n(&state->hooks_allowed, 0, __ATOMIC_RELAXED); /* see lua/inside.inc.h */
    int status = protected_call(L, arguments, results, 0);
    __atomic_store_n(&state->hooks_allowed, allowed, __ATOMIC_RELAXED);
    return status;
}

static int ask_for_too_much(lua_State *L)
{
    lua_newuserdatauv(L, ABSURD_SIZE, 0);
    return 0;
}

/* After an allocation of C's failed: Lua collects all that it can, without finalizers, as it does itself for want of memory.
   Pushes its message and returns its status, for who does not try again. */
static int no_memory(lua_State *L)
{
    lua_pushcclosure(L, ask_for_too_much, 0);
    collector_off(heap_of(L)); /* no other work, which may run finalizers */
    int status = quiet_call(L, 0, 0);
    collector_on(heap_of(L));
    return status;
}

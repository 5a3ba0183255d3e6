/* The proof, at start-up, that objects of this library are as lua/layout.inc.h and lua/heap.inc.h say. */
#pragma once

#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/text.inc.h"
#include "lua/layout.inc.h"
#include "lua/heap.inc.h"
#include "lua/factory.inc.h"
#include "lua/graft.inc.h"

static const char probe_source[] =
    "local first, second = 1, 2\n"
    "local function nested(x, y, ...)\n"
    "  local z = x .. 'short' .. 'a text of more than forty characters, which Lua keeps as a long string'\n"
    "  return z, 1.5, second, ...\n"
    "end\n"
    "return nested, first\n";

static bool nested_fits(const struct proto_layout *nested)
{
    int longs = 0, shorts = 0;
    for (int i = 0; i < nested->constant_count; i++) {
        const struct value_layout *value = &nested->constants[i];
        shorts += value->kind == KIND_SHORT && text_is(value->value.object, "short");
        longs += value->kind == KIND_LONG && string_length(value->value.object) == 70;
    }
    return nested->parameters == 2 && nested->line == 2 && nested->last_line == 5 && nested->upvalue_count == 1 &&
           nested->child_count == 0 && nested->local_count >= 3 && nested->line_count == nested->code_count &&
           text_is(nested->locals[0].name, "x") && text_is(nested->upvalues[0].name, "second") && shorts == 1 &&
           longs == 1;
}

static bool main_fits(const struct proto_layout *proto)
{
    return proto->kind == KIND_PROTO && proto->line == 0 && proto->parameters == 0 && proto->upvalue_count == 1 &&
           proto->child_count == 1 && proto->code_count > 3 && proto->local_count == 3 &&
           text_is(proto->upvalues[0].name, "_ENV") && text_is(proto->source, "@moonscope") &&
           text_is(proto->locals[0].name, "first") && nested_fits(proto->children[0]);
}

static bool closure_fits(lua_State *L, const struct closure_layout *closure)
{
    const struct closed_upvalue *upvalue = closure->upvalues[0];
    lua_rawgeti(L, LUA_REGISTRYINDEX, GLOBALS);
    bool fits = closure->kind == KIND_CLOSURE && closure->upvalue_count == 1 && upvalue->kind == KIND_UPVALUE &&
                upvalue->at == &upvalue->value && upvalue->value.value.object == lua_topointer(L, -1) &&
                upvalue->value.kind == top_value(L)->kind;
    lua_pop(L, 1);
    return fits;
}

static bool stack_fits(lua_State *L)
{
    static const char mark;
    lua_pushlightuserdata(L, (void *)&mark);
    bool fits = top_value(L)->value.object == &mark && (top_value(L)->kind & 0x0F) == 2;
    lua_pop(L, 1);
    return fits;
}

/* New objects come first in the list, have the one white of the two, and are counted; other white is what is dead. */
static bool heap_fits(lua_State *L)
{
    struct heap_layout *heap = heap_of(L);
    void *data = NULL;
    if (lua_getallocf(L, &data) != heap->allocate || data != heap->data || !stack_fits(L))
        return false;
    int64_t sign = LUA_VERSION_NUM == 505 ? -1 : 1;
    for (int round = 0; round < 2; round++) { /* with each collection the other white is the new one */
        size_t before = counted_bytes(L);
        if ((int64_t)before != heap->total + sign * heap->debt)
            return false;
        collector_off(heap);
        int64_t debt = heap->debt;
        lua_newuserdatauv(L, 1000, 0);
        const struct object_layout *object = top_value(L)->value.object;
        size_t grown = counted_bytes(L) - before;
        bool fits = heap->objects == object && object->mark == (heap->white & WHITES) && !is_dead(heap, object) &&
                    (object->mark == 0x08 || object->mark == 0x10) && grown > 1000 && grown < 1100 &&
                    (int64_t)grown == sign * (heap->debt - debt);
        collector_on(heap);
        if (!fits || counted_bytes(L) != before + grown)
            return false;
        lua_pop(L, 1);
        lua_gc(L, LUA_GCCOLLECT, 0);
    }
    return true;
}

static void count_calls(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    lua_pushlightuserdata(L, (void *)count_calls);
    lua_pushboolean(L, 1);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

static int do_nothing(lua_State *L)
{
    (void)L;
    return 0;
}

static bool hook_saw(lua_State *L, int (*call)(lua_State *, int, int))
{
    lua_pushlightuserdata(L, (void *)count_calls);
    lua_pushnil(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_sethook(L, count_calls, 1, 0); /* LUA_MASKCALL */
    lua_pushcclosure(L, do_nothing, 0);
    call(L, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    lua_pushlightuserdata(L, (void *)count_calls);
    lua_rawget(L, LUA_REGISTRYINDEX);
    bool saw = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return saw;
}

static int loud_call(lua_State *L, int arguments, int results)
{
    return protected_call(L, arguments, results, 0);
}

static bool hooks_fit(lua_State *L)
{
    return ((struct state_layout *)(void *)L)->hooks_allowed == 1 && hook_saw(L, loud_call) && !hook_saw(L, quiet_call);
}

/* An allocator that notes what is freed. */
enum { NOTED_FREES = 512 };

struct noted_frees {
    lua_Alloc allocate;
    void *data;
    size_t count;
    struct noted_free {
        const void *block;
        size_t size;
    } frees[NOTED_FREES];
};

static void *note_frees(void *ud, void *block, size_t old_size, size_t new_size)
{
    struct noted_frees *noted = ud;
    if (new_size == 0 && noted->count < NOTED_FREES)
        noted->frees[noted->count++] = (struct noted_free){block, old_size};
    return noted->allocate(noted->data, block, old_size, new_size);
}

/* Was exactly this freed? */
static bool was_freed(const struct noted_free *frees, size_t count, const void *block, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (frees[i].block == block)
            return frees[i].size == size;
    return false;
}

/* A prototype is freed by PROTO_FREES calls, the first for the code, the last for the prototype. */
static bool freed_as_expected(const struct noted_frees *noted, const struct proto_layout *proto,
                              const struct proto_layout *was)
{
    size_t end = 0;
    while (end < noted->count && noted->frees[end].block != proto)
        end++;
    if (end == noted->count || end + 1 < PROTO_FREES || noted->frees[end].size != PROTO_SIZE)
        return false;
    const struct noted_free *frees = &noted->frees[end + 1 - PROTO_FREES];
    return frees->block == was->code && frees->size == (size_t)was->code_count * sizeof *was->code &&
           was_freed(frees, PROTO_FREES, was->constants, (size_t)was->constant_count * sizeof *was->constants) &&
           was_freed(frees, PROTO_FREES, was->children, (size_t)was->child_count * sizeof *was->children) &&
           was_freed(frees, PROTO_FREES, was->lines, (size_t)was->line_count) &&
           was_freed(frees, PROTO_FREES, was->locals, (size_t)was->local_count * sizeof *was->locals) &&
           was_freed(frees, PROTO_FREES, was->upvalues, (size_t)was->upvalue_count * sizeof *was->upvalues) &&
           was_freed(frees, PROTO_FREES, was->absolute_lines,
                     (size_t)was->absolute_line_count * sizeof *was->absolute_lines);
}

/* The function is on top; it is popped. */
static bool frees_fit(lua_State *L)
{
    struct noted_frees noted = {.count = 0};
    const struct closure_layout *closure = lua_topointer(L, -1);
    const struct proto_layout *proto = closure->proto;
    const struct proto_layout was = *proto;
    const void *upvalue = closure->upvalues[0];
    noted.allocate = lua_getallocf(L, &noted.data);
    lua_setallocf(L, note_frees, &noted);
    lua_pop(L, 1);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_setallocf(L, noted.allocate, noted.data);
    return freed_as_expected(&noted, proto, &was) &&
           was_freed(noted.frees, noted.count, closure, CLOSURE_SIZE) &&
           was_freed(noted.frees, noted.count, upvalue, sizeof(struct closed_upvalue));
}

/* Sets *(bool *)argument. Raises when there is no memory, so it is called protected. */
static int check_layout(lua_State *L)
{
    bool *known = lua_touserdata(L, 1);
    if (load_text(L, probe_source, sizeof probe_source - 1, "@moonscope") != LUA_OK)
        return lua_error(L);
    *known = main_fits(proto_at(L, -1)) && heap_fits(L) && hooks_fit(L) && closure_fits(L, lua_topointer(L, -1)) && frees_fit(L);
    return 0;
}

/* May objects of this library be built by hand? The release comes first: layouts of unknown ones are not even read. */
static bool layout_known(const char *release)
{
#if LUA_VERSION_NUM == 505
    static const char *const releases[] = {"Lua 5.5.0", "Lua 5.5.1"};
#else
    static const char *const releases[] = {"Lua 5.4.6", "Lua 5.4.7", "Lua 5.4.8"};
#endif
    bool listed = false, known = false;
    for (size_t i = 0; i < sizeof releases / sizeof *releases; i++)
        listed = listed || strcmp(release, releases[i]) == 0;
    lua_State *L = listed && sizeof(void *) == 8 ? luaL_newstate() : NULL;
    if (L == NULL)
        return false;
    lua_pushcclosure(L, check_layout, 0);
    lua_pushlightuserdata(L, &known);
    if (protected_call(L, 1, 0, 0) != LUA_OK)
        known = false;
    lua_close(L);
    atomic_store(&heap_proved, known);
    return known;
}

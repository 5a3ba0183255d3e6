/* Tier `graft`, on stock Lua 5.4 and 5.5: a VM's closures run frozen code, line tables and names; its own are only the
   constants and the prototype headers that point at them.

   To the VM's collector these prototypes are like all others: closures keep them, they keep their constants, and they are
   freed when nothing leads to them. Nothing else refers to them that a script could reach. What tells a graft is what the
   allocator is asked to free with it: memory that it never gave. That is left alone, and taken off the collector's sum
   only after it was added there (is_graft_part, part_freed). All headers and constants of a graft are one block; it is
   freed with the last of the prototypes. When a VM has no prototype of a generation any more, nor a string whose text
   lies there, its hold on the generation ends. */
#pragma once

#include "cache/arena.h"
#include "cache/generation.h"
#include "cache/grafts.h"
#include "cache/tier.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/layout.inc.h"
#include "lua/heap.inc.h"
#include "lua/vocabulary.inc.h"
#include "lua/frozen.inc.h"
#include "lua/plan.inc.h"
#include "lua/freeze.inc.h"
#include "lua/factory.inc.h"

/* What a VM has of one generation, in hold->own; freed with its last part. */
struct grafted {
    struct vm *vm;             /* borrowed; NULL: the state is no VM */
    struct proto_layout *main; /* of the newest graft; NULL: it was freed */
    uint32_t slot;             /* of the generation */
    uint32_t parts;            /* grafts, and long strings; and a load that is under way */
};

/* The block; prototypes, constants and tables of children follow it. Memory of the state, counted by its collector. */
struct graft {
    struct grafted *of;
    size_t size;
    uint32_t protos; /* that are not freed yet */
};

enum { PROTO_SIZE = sizeof(struct proto_layout), PROTO_FREES = 8 }; /* calls of the allocator when one is freed */

/* What is under way in build_graft. */
struct grafting {
    const struct frozen *frozen;
    struct grafted *of;
    struct graft *graft;
    struct proto_layout *protos;
    struct value_layout *values;
    uint32_t made; /* of the prototypes */
    struct proto_layout **children; /* of the next one */
    const uint8_t *record;
    struct cursor cursor; /* at its tables */
    bool collected; /* the collector found no memory and went over the prototypes, which cannot be written any more */
};

static void part_ends(struct grafted *of)
{
    if (--of->parts > 0)
        return;
    if (of->vm != NULL)
        vm_let_go(of->vm, of->slot);
    free(of);
}

/* `proto` is the last call's block. */
static void proto_freed(struct heap_layout *heap, struct proto_layout *proto)
{
    struct graft *graft = (struct graft *)(void *)(proto - proto->number) - 1;
    struct grafted *of = graft->of;
    if (of->main == proto)
        of->main = NULL;
    if (--graft->protos > 0)
        return;
    heap_free(heap, graft, graft->size);
    part_ends(of);
}

/* Lua subtracts `size` right after this. */
static void part_freed(struct grafts *grafts, void *block, size_t size)
{
    if (grafts->to_come == 0)
        grafts->to_come = PROTO_FREES;
    heap_count(grafts->heap, (int64_t)size);
    if (--grafts->to_come == 0)
        proto_freed(grafts->heap, block);
}

/* NULL: an allocator that knows nothing of grafts. */
static struct grafts *grafts_of(const struct heap_layout *heap)
{
    if (heap->allocate == vm_allocate)
        return &((struct vm *)heap->data)->grafts;
    return heap->allocate == arena_allocate ? &((struct arena *)heap->data)->grafts : NULL;
}

#if LUA_VERSION_NUM == 505
static void *text_freed(void *of, void *text, size_t old_size, size_t new_size)
{
    (void)text;
    (void)old_size;
    (void)new_size;
    part_ends(of);
    return NULL;
}

/* The string does without a copy of the text, and holds the generation. */
static void push_long(lua_State *L, struct grafted *of, const char *text, size_t length)
{
    of->parts++;
    lua_pushexternalstring(L, text, length, text_freed, of); /* without memory it calls text_freed, then raises */
}
#else
static void push_long(lua_State *L, struct grafted *of, const char *text, size_t length)
{
    (void)of;
    lua_pushlstring(L, text, length);
}
#endif

/* The string on top becomes a constant. False: it must not. */
static bool put_top(lua_State *L, struct grafting *grafting, uint32_t number)
{
    grafting->collected = (grafting->protos->mark & BLACK) != 0;
    if (!grafting->collected) {
        grafting->values[number].value = top_value(L)->value;
        grafting->values[number].kind = top_value(L)->kind;
    }
    lua_pop(L, 1);
    return !grafting->collected;
}

static void put_plain(struct value_layout *value, uint64_t bits, uint8_t kind)
{
    value->value.bits = bits;
    value->kind = kind;
}

static bool put_same(struct grafting *grafting, uint32_t number, uint32_t same)
{
    put_plain(&grafting->values[number], grafting->values[same].value.bits, grafting->values[same].kind);
    return true;
}

static bool put_slot(lua_State *L, struct grafting *grafting, uint32_t number)
{
    const struct frozen *frozen = grafting->frozen;
    uint32_t slot = frozen->slots[number], what = slot >> SLOT_TAG_BITS;
    switch (slot % (1 << SLOT_TAG_BITS)) {
    case SLOT_INTEGER:
        put_plain(&grafting->values[number], what, KIND_INTEGER);
        return true;
    case SLOT_VALUE:
        put_plain(&grafting->values[number], frozen->values[what].value.bits, frozen->values[what].kind);
        return true;
    case SLOT_WORD:
        lua_pushlstring(L, word_of(what)->text, word_of(what)->length);
        return put_top(L, grafting, number);
    case SLOT_LONG: {
        const struct long_text *text = (const struct long_text *)((const uint64_t *)frozen + what);
        push_long(L, grafting->of, text->text, text->length);
        return put_top(L, grafting, number);
    }
    default: /* SLOT_SAME */
        return put_same(grafting, number, what);
    }
}

/* On the own runtime: a VM that had words of its own before they were frozen needs its own of all. */
static bool put_value(lua_State *L, struct grafting *grafting, uint32_t number)
{
    struct value_layout *from = &grafting->frozen->values[number];
    if (!is_string(from)) {
        put_plain(&grafting->values[number], from->value.bits, from->kind);
        return true;
    }
    if (*value_same(from) > 0)
        return put_same(grafting, number, *value_same(from) - 1);
    if (from->kind == KIND_LONG)
        push_long(L, grafting->of, string_text(from->value.object), string_length(from->value.object));
    else
        lua_pushlstring(L, string_text(from->value.object), string_length(from->value.object));
    return put_top(L, grafting, number);
}

enum { FETCH_AHEAD = 12 };

/* The words lie about in memory: have the next ones fetched while Lua is busy with one. */
static void fetch_word(const struct frozen *frozen, uint32_t number)
{
    if (number < frozen->slot_count && frozen->slots[number] % (1 << SLOT_TAG_BITS) == SLOT_WORD)
        __builtin_prefetch(&word_of(frozen->slots[number] >> SLOT_TAG_BITS)->length);
}

/* Argument: struct grafting, whose prototypes are the collector's already, with nil for each constant. Raises when there is
   no memory. */
static int put_constants(lua_State *L)
{
    struct grafting *grafting = lua_touserdata(L, 1);
    const struct frozen *frozen = grafting->frozen;
    bool goes_on = true;
    for (uint32_t i = 0; frozen->complete && i < frozen->value_count && goes_on; i++)
        goes_on = put_value(L, grafting, i);
    for (uint32_t i = 0; i < FETCH_AHEAD; i++)
        fetch_word(frozen, i);
    for (uint32_t i = 0; i < frozen->slot_count && goes_on; i++) {
        fetch_word(frozen, i + FETCH_AHEAD);
        goes_on = put_slot(L, grafting, i);
    }
    return 0;
}

static struct proto_layout *next_proto(struct grafting *grafting, struct proto_layout *proto)
{
    struct proto_layout *at = &grafting->protos[grafting->made];
    proto->number = grafting->made++;
    proto->children = grafting->children;
    grafting->children += proto->child_count;
    *at = *proto;
    return at;
}

/* Of a complete prototype, and of what is below. Outside of a complete tree it has no strings, and shares its constants. */
static struct proto_layout *copy_complete(struct grafting *grafting, const struct proto_layout *from)
{
    struct proto_layout proto = {0};
    put_proto(&proto, from);
    if (grafting->frozen->complete)
        proto.constants = grafting->values + (from->constants - grafting->frozen->values);
    struct proto_layout *at = next_proto(grafting, &proto);
    for (int i = 0; i < from->child_count; i++)
        at->children[i] = copy_complete(grafting, from->children[i]);
    return at;
}

/* Of the packed prototype that is next, and of what is below. */
static struct proto_layout *unpack(struct grafting *grafting)
{
    const struct frozen *frozen = grafting->frozen;
    struct proto_layout proto = {0};
    uint32_t complete = get_number(&grafting->record);
    if (complete > 0)
        return copy_complete(grafting, proto_number(frozen->protos, complete - 1));
    get_record(&grafting->record, &proto, frozen, grafting->values);
    proto.code = code_place(grafting->cursor.code);
    proto.lines = proto.line_count > 0 ? grafting->cursor.lines : NULL; /* the pointer tells that stripped code has none */
    proto.absolute_lines = grafting->cursor.absolute_lines;
    proto.locals = grafting->cursor.locals;
    proto.source = frozen->source;
    pass_tables(&grafting->cursor, &proto);
    struct proto_layout *at = next_proto(grafting, &proto);
    for (int i = 0; i < at->child_count; i++)
        at->children[i] = unpack(grafting);
    return at;
}

static size_t values_size(const struct frozen *frozen)
{
    return (size_t)(frozen->complete ? frozen->value_count : frozen->slot_count) * sizeof(struct value_layout);
}

static size_t graft_size(const struct frozen *frozen)
{
    return sizeof(struct graft) + (size_t)frozen->proto_count * PROTO_SIZE + values_size(frozen) +
           frozen->child_count * sizeof(void *);
}

/* The block, with all of the prototypes but the strings. False: no memory. */
static bool new_graft(struct heap_layout *heap, struct grafting *grafting)
{
    const struct frozen *frozen = grafting->frozen;
    size_t values = values_size(frozen);
    struct graft *graft = heap_new(heap, graft_size(frozen));
    if (graft == NULL)
        return false;
    *graft = (struct graft){grafting->of, graft_size(frozen), frozen->proto_count};
    grafting->graft = graft;
    grafting->made = 0;
    grafting->protos = (struct proto_layout *)(void *)(graft + 1);
    grafting->values = (struct value_layout *)(void *)(grafting->protos + frozen->proto_count);
    grafting->children = (struct proto_layout **)(void *)((char *)grafting->values + values);
    grafting->record = frozen->records;
    grafting->cursor = (struct cursor){frozen->code, frozen->lines, frozen->absolute_lines, frozen->locals};
    memset(grafting->values, 0, values); /* nil */
    if (frozen->complete)
        copy_complete(grafting, main_proto(frozen));
    else
        unpack(grafting);
    return true;
}

/* Pushes a closure over the main prototype of a new graft, without strings. False: no memory. */
static bool push_bare_graft(lua_State *L, struct grafting *grafting)
{
    struct heap_layout *heap = heap_of(L);
    struct grafts *grafts = grafts_of(heap);
    if (!new_graft(heap, grafting))
        return false;
    if (!try_closure(L, grafting->protos)) {
        heap_free(heap, grafting->graft, grafting->graft->size);
        return false;
    }
    for (uint32_t i = 0; i < grafting->made; i++)
        heap_link(heap, &grafting->protos[i], KIND_PROTO);
    grafting->of->parts++;
    grafts->heap = heap;
    grafts->freed = part_freed;
    return true;
}

enum { GRAFT_TRIES = 3 };

/* Pushes a closure over the main prototype of a new graft, or a message; returns Lua's status. LUA_ERRMEM: everything was
   collected, so it may be tried again. */
static int build_graft(lua_State *L, struct grafted *of, const struct frozen *frozen)
{
    struct grafting grafting = {.frozen = frozen, .of = of};
    if (!push_bare_graft(L, &grafting))
        return no_memory(L);
    int closure = lua_gettop(L);
    lua_pushcclosure(L, put_constants, 0);
    lua_pushlightuserdata(L, &grafting);
    collector_off(heap_of(L));
    int status = quiet_call(L, 1, 0);
    collector_on(heap_of(L));
    if (status == LUA_OK && grafting.collected)
        status = no_memory(L);
    if (status != LUA_OK) /* what is not finished is only garbage */
        move_top(L, closure);
    else
        of->main = grafting.protos;
    return status;
}

static void *own_prototype(struct hold *hold)
{
    return atomic_load_explicit(&hold->own, memory_order_relaxed);
}

/* NULL: no memory. */
static struct grafted *new_grafted(struct vm *vm, struct hold *hold, const struct payload *payload)
{
    struct grafted *of = calloc(1, sizeof *of);
    if (of == NULL)
        return NULL;
    if (vm != NULL) { /* then the payload is that of a generation */
        const void *around = (const char *)payload - offsetof(struct generation, payload);
        const struct generation *generation = around;
        of->vm = vm;
        of->slot = generation->slot;
        if (generation->tier->on_conflict != NULL)
            atomic_fetch_add(&vm->conflicts, 1);
    }
    atomic_store_explicit(&hold->own, of, memory_order_relaxed);
    return of;
}

/* Pushes a closure over this VM's main prototype, or a message; as build_graft. A dead one must not come to life again. */
static int try_grafted(lua_State *L, struct grafted *of, const struct frozen *frozen)
{
    if (of->main == NULL || is_dead(heap_of(L), of->main))
        return build_graft(L, of, frozen);
    return try_closure(L, of->main) ? LUA_OK : no_memory(L);
}

static int push_grafted(lua_State *L, struct grafted *of, const struct frozen *frozen)
{
    int status = try_grafted(L, of, frozen);
    for (int tries = 1; tries < GRAFT_TRIES && status == LUA_ERRMEM; tries++) {
        lua_pop(L, 1);
        status = try_grafted(L, of, frozen);
    }
    return status;
}

static int graft_push(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload,
                      const char *chunkname)
{
    (void)chunkname; /* the frozen source tells it */
    if (grafts_of(heap_of(L)) == NULL) /* it would free what is frozen */
        return no_memory(L);
    struct grafted *of = own_prototype(hold);
    if (of == NULL && (of = new_grafted(vm, hold, payload)) == NULL)
        return no_memory(L);
    of->parts++; /* so that it stays while the collector works, whose finalizers may load the same file */
    collector_turn(L);
    int status = push_grafted(L, of, payload->data);
    part_ends(of);
    return status;
}

static bool graft_store(lua_State *L, struct payload *payload)
{
    const struct closure_layout *closure = lua_topointer(L, -1);
    if (closure->upvalue_count != 1)
        return false;
    struct frozen *frozen = freeze(L, closure->proto, vocabulary.runtime != NULL);
    payload->data = frozen;
    payload->size = frozen != NULL ? frozen->size : 0;
    payload->prototypes = frozen != NULL ? frozen->proto_count : 0;
    return frozen != NULL;
}

static void graft_release(struct payload *payload)
{
    frozen_free(payload->data);
    payload->data = NULL;
}

static const struct tier graft = {
    .name = "graft",
    .pins = true,
    .words = true,
    .donor = true,
    .store = graft_store,
    .push = graft_push,
    .release = graft_release,
};

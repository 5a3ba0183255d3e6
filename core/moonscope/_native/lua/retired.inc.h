/* When a VM's hold on a retired generation ends: when nothing in the VM refers to it.

   Of a tier that copies, nothing ever does. On Moonscope's own runtime the VM's collector tells: after each collection the
   state is walked (moonscope_visit), and what refers to no closure, constant or code of a retired generation lets it go.
   Frozen code is no part of the heap that decides when Lua collects; so a VM that takes hold of generation after
   generation collects when those that are retired have become many. */
#pragma once

#include "cache/cache.h"
#include "cache/generation.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#if LUA_VERSION_NUM >= 504
#include "lua/layout.inc.h"
#include "lua/vocabulary.inc.h"
#endif

enum { RETIRED_LEAST = 65536 }; /* bytes: for less no VM collects */

#if LUA_VERSION_NUM >= 504
/* The runtime's, see moonscope_hook.h; NULL on stock Lua. */
static void (*visit_state)(lua_State *, void (*found)(void *, const void *, int), void *);
#endif

struct retired {
    const char *start, *end; /* of what closures may refer to; NULL: nothing */
    uint32_t slot;
    bool seen;
};

/* What the VM holds of retired generations, by address. */
struct retired_list {
    struct retired *items; /* owned */
    size_t count, bytes;
};

static int by_start(const void *a, const void *b)
{
    const struct retired *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void list_generation(struct retired_list *list, const struct generation *generation)
{
    struct retired *item = &list->items[list->count++];
    *item = (struct retired){NULL, NULL, generation->slot, false};
    if (generation->tier->pins) {
        item->start = generation->payload.data;
        item->end = item->start + generation->payload.size;
        list->bytes += generation->payload.size;
    }
}

/* A graft ends its hold itself, see lua/graft.inc.h. */
static bool is_grafted(const struct generation *generation, const struct hold *hold)
{
    const void *own = atomic_load_explicit(&hold->own, memory_order_relaxed);
    return own != NULL && own != generation->payload.prototype;
}

/* The VM's thread. Without memory the list is empty. */
static struct retired_list list_retired(struct vm *vm)
{
    struct cache *cache = vm->cache;
    struct retired_list list = {NULL, 0, 0};
    list.items = calloc(atomic_load(&vm->held) + (size_t)1, sizeof *list.items);
    pthread_mutex_lock(&cache->lock);
    for (size_t slot = 0; list.items != NULL && slot < vm->page_count * HOLDS_PER_PAGE; slot++) {
        const struct hold *hold = vm_find_hold(vm, (uint32_t)slot);
        if (hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0 &&
            cache->slots[slot]->state == GENERATION_RETIRED && !is_grafted(cache->slots[slot], hold))
            list_generation(&list, cache->slots[slot]);
    }
    vm->retired = list.bytes;
    vm->listed = atomic_load(&cache->epoch);
    pthread_mutex_unlock(&cache->lock);
    if (list.items != NULL)
        qsort(list.items, list.count, sizeof *list.items, by_start);
    return list;
}

/* Ends the holds on what was not seen; the list ends too. `walked`: the state was; else only what none refers to goes. */
static void let_go(struct vm *vm, struct retired_list *list, bool walked)
{
    bool any = false;
    for (size_t i = 0; i < list->count; i++) {
        const struct retired *item = &list->items[i];
        bool goes = !item->seen && (walked || item->start == NULL);
        if (goes) {
            vm_let_go(vm, item->slot);
            vm->retired -= (size_t)(item->end - item->start);
        }
        any = any || goes;
    }
    free(list->items);
    if (walked)
        vm->survived = vm->retired;
    if (any) {
        pthread_mutex_lock(&vm->cache->lock);
        cache_reclaim(vm->cache);
        pthread_mutex_unlock(&vm->cache->lock);
    }
}

#if LUA_VERSION_NUM >= 504
struct looked {
    bool words;
    struct retired_list list;
};

static void see_address(struct retired_list *list, const char *address)
{
    size_t from = 0, to = list->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        struct retired *item = &list->items[middle];
        if (address < item->start)
            to = middle;
        else if (address >= item->end)
            from = middle + 1;
        else {
            item->seen = true;
            return;
        }
    }
}

static void see(void *data, const void *address, int kind)
{
    struct looked *looked = data;
    if ((kind | COLLECTABLE) != KIND_SHORT)
        see_address(&looked->list, address);
    else if (looked->words)
        keep_found(address);
}

/* NULL: none is attached to the state. */
static struct vm *vm_of(lua_State *L)
{
    void *data;
    return lua_getallocf(L, &data) == vm_allocate ? data : NULL;
}

/* The runtime calls it; see moonscope_hook.h. During a load the VM may be about to refer to any generation. */
static void look_at_state(lua_State *L, int asked, int collected)
{
    struct vm *vm = vm_of(L);
    struct looked looked = {.words = asked && atomic_load(&vocabulary.asking)};
    bool holds = collected && vm != NULL && vm->depth == 0 && atomic_load(&vm->held) > 0 &&
                 (vm->retired > 0 || vm->listed != atomic_load(&vm->cache->epoch));
    if (holds)
        looked.list = list_retired(vm);
    if (looked.words || looked.list.bytes > 0)
        visit_state(L, see, &looked);
    if (holds)
        let_go(vm, &looked.list, true);
}

enum { LUA_GCISRUNNING = LUA_VERSION_NUM == 505 ? 6 : 9 };

/* Calls finalizers. The end of a collection does the rest. */
static void collect_if_running(lua_State *L)
{
    if (visit_state != NULL && lua_gc(L, LUA_GCISRUNNING) == 1)
        lua_gc(L, LUA_GCCOLLECT);
}
#else
static void collect_if_running(lua_State *L)
{
    (void)L;
}
#endif

static size_t retired_limit(const struct vm *vm)
{
    size_t limit = atomic_load_explicit(&vm->used, memory_order_relaxed) / 4;
    limit = limit > vm->survived ? limit : vm->survived;
    return limit > RETIRED_LEAST ? limit : RETIRED_LEAST;
}

/* Before a load, when the VM took hold of so much since the last time. */
static void end_holds(lua_State *L, struct vm *vm)
{
    vm->taken = 0;
    if (vm->depth > 0 || (vm->retired == 0 && vm->listed == atomic_load(&vm->cache->epoch)))
        return;
    struct retired_list list = list_retired(vm);
    let_go(vm, &list, false);
    if (vm->retired >= vm->survived + retired_limit(vm))
        collect_if_running(L);
}

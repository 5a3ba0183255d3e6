/* Taking generations out of the index: all of them, or by name. */
#include "lua/vm.h"

#include <stdlib.h>
#include <string.h>

/* The current generations that a clear is about, each marked as chosen. */
struct selection {
    struct generation **items;
    size_t count;
};

static void choose(struct selection *selection, struct generation *generation)
{
    if (generation == NULL || generation->chosen)
        return;
    generation->chosen = true;
    selection->items[selection->count++] = generation;
}

/* Under cache->lock. False: no memory. */
static bool select_generations(struct cache *cache, const char *const *keys, const size_t *lengths, ptrdiff_t count,
                               struct selection *selection)
{
    size_t most = count < 0 ? cache->current_count : (size_t)count;
    selection->count = 0;
    selection->items = malloc((most + 1) * sizeof *selection->items);
    if (selection->items == NULL)
        return false;
    for (ptrdiff_t i = 0; i < count; i++) {
        struct file *file = index_find(&cache->index, index_hash(keys[i], lengths[i]), keys[i], lengths[i]);
        if (file != NULL)
            choose(selection, atomic_load(&file->current));
    }
    if (count < 0)
        LIST_EACH(&cache->least_recent, link, after)
            choose(selection, LIST_RECORD(link, struct generation, turn));
    return true;
}

static bool is_held(const struct hold *hold)
{
    return hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0;
}

/* Does a VM hold one of the selected? Goes through its holds or through the selection, whatever is less. */
static bool holds_any(const struct cache *cache, struct vm *vm, const struct selection *selection)
{
    bool holds = false;
    pthread_mutex_lock(&vm->lock);
    if (vm->page_count * HOLDS_PER_PAGE < selection->count) {
        for (size_t slot = 0; slot < vm->page_count * HOLDS_PER_PAGE && !holds; slot++)
            holds = is_held(vm_find_hold(vm, (uint32_t)slot)) && cache->slots[slot]->chosen;
    } else {
        for (size_t i = 0; i < selection->count && !holds; i++)
            holds = selection->items[i]->holders > 0 && is_held(vm_find_hold(vm, selection->items[i]->slot));
    }
    pthread_mutex_unlock(&vm->lock);
    return holds;
}

/* Under cache->lock: the VMs that hold one of the selected. */
static void find_holders(struct cache *cache, const struct selection *selection, struct cleared *report)
{
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next)
        if (vm->seen.held > 0 && holds_any(cache, vm, selection))
            report->vms[report->vm_count++] = vm->id;
}

/* Bytes of the payloads that the report is about, and how they divide when nothing else happens. */
static void foresee(const struct selection *selection, struct cleared *report)
{
    for (size_t i = 0; i < selection->count; i++) {
        const struct generation *g = selection->items[i];
        bool stays = (g->tier->pins && g->holders > 0) || g->pins > 0;
        report->files++;
        *(stays ? &report->retained : &report->freed) += g->payload.size;
    }
}

bool cache_clear(struct cache *cache, const char *const *keys, const size_t *lengths, ptrdiff_t count, bool dry,
                 struct cleared *report)
{
    memset(report, 0, sizeof *report);
    struct selection selection;
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    cache_fold(cache);
    report->vms = malloc((cache->vm_count + 1) * sizeof *report->vms);
    bool done = report->vms != NULL && select_generations(cache, keys, lengths, count, &selection);
    if (done) {
        find_holders(cache, &selection, report);
        foresee(&selection, report);
        for (size_t i = 0; i < selection.count; i++) {
            selection.items[i]->chosen = false;
            if (!dry)
                generation_retire(cache, selection.items[i]);
        }
        free(selection.items);
    }
    if (done && !dry) {
        uint64_t before = cache->shared, all = report->freed + report->retained;
        cache_reclaim(cache);
        report->freed = before - cache->shared;
        report->retained = all - report->freed;
    }
    pthread_mutex_unlock(&cache->lock);
    if (!done)
        free(report->vms);
    return done;
}

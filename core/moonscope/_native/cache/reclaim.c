/* Folding what VMs count into generations, retiring generations, and freeing what nobody can see any more. */
#include "cache/cache.h"

#include <stdlib.h>
#include <string.h>

#include "cache/block.h"
#include "cache/files.h"
#include "lua/lua.h"
#include "lua/vm.h"

void generation_changed(struct cache *cache, struct generation *generation)
{
    uint64_t spared = generation->holders * (generation->unshared - generation->private) -
                      generation->conflicts * (generation->on_conflict - generation->private);
    cache->spared += spared - generation->spared;
    generation->spared = spared;
    row_changed(&cache->changes, ROW_GENERATION, &generation->row);
}

void cache_fold_hold(struct cache *cache, struct hold *hold, uint32_t slot, double now)
{
    struct generation *generation = cache->slots[slot];
    uint64_t seen = atomic_load_explicit(&hold->hits, memory_order_relaxed), folded = hold->folded & ~FOLDED_CONFLICT;
    bool was = (hold->folded & FOLDED_CONFLICT) != 0, is = seen > 0 && hold_in_conflict(generation, hold);
    if (seen == folded && was == is)
        return;
    generation->holders += folded == 0; /* the first unit says "held" */
    generation->conflicts += (uint32_t)is - (uint32_t)was;
    uint64_t base = folded == 0 ? 1 : folded;
    if (seen > base) {
        generation->hits += seen - base;
        atomic_fetch_add_explicit(&generation->file->loads[OUTCOME_HIT], seen - base, memory_order_relaxed);
        generation->file->last_load = now;
        file_changed(cache, generation->file);
        if (generation->state == GENERATION_CURRENT)
            list_append(&cache->least_recent, &generation->turn);
    }
    hold->folded = seen | (is ? FOLDED_CONFLICT : 0);
    generation_changed(cache, generation);
}

void cache_end_hold(struct cache *cache, struct hold *hold, uint32_t slot)
{
    struct generation *generation = cache->slots[slot];
    cache_fold_hold(cache, hold, slot, epoch_seconds());
    generation->holders--;
    generation->conflicts -= (hold->folded & FOLDED_CONFLICT) != 0;
    hold->folded = 0;
    if (generation->holders == 0 && generation->state == GENERATION_RETIRED)
        list_append(&cache->leaving, &generation->turn);
    generation_changed(cache, generation);
}

static void fold_holds(struct cache *cache, struct vm *vm)
{
    double now = epoch_seconds();
    pthread_mutex_lock(&vm->lock);
    for (size_t i = 0; i < vm->page_count; i++)
        for (size_t k = 0; vm->pages[i] != NULL && k < HOLDS_PER_PAGE; k++) {
            struct hold *hold = &vm->pages[i][k];
            if (atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0)
                cache_fold_hold(cache, hold, (uint32_t)(i * HOLDS_PER_PAGE + k), now);
        }
    pthread_mutex_unlock(&vm->lock);
}

/* The numbers of loads and holds come first: whoever sees one finds in the holds what it counts. */
static void look_at(const struct vm *vm, struct vm_seen *seen)
{
    memset(seen, 0, sizeof *seen);
    for (int i = 0; i < OUTCOMES; i++)
        seen->loads[i] = atomic_load_explicit(&vm->loads[i], memory_order_acquire);
    seen->held = atomic_load_explicit(&vm->held, memory_order_acquire);
    seen->conflicts = atomic_load_explicit(&vm->conflicts, memory_order_acquire);
    seen->used = atomic_load_explicit(&vm->used, memory_order_relaxed);
    seen->peak = atomic_load_explicit(&vm->peak, memory_order_relaxed);
    seen->mode = atomic_load_explicit(&vm->mode, memory_order_relaxed);
}

void cache_fold_vm(struct cache *cache, struct vm *vm)
{
    struct vm_seen now;
    look_at(vm, &now);
    if (memcmp(&now, &vm->seen, sizeof now) == 0)
        return;
    bool loaded = now.loads[OUTCOME_HIT] != vm->seen.loads[OUTCOME_HIT] || now.held != vm->seen.held ||
                  now.conflicts != vm->seen.conflicts;
    vm->seen = now;
    row_changed(&cache->changes, ROW_VM, &vm->row);
    if (loaded)
        fold_holds(cache, vm);
}

void cache_fold(struct cache *cache)
{
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next)
        cache_fold_vm(cache, vm);
}

void generation_retire(struct cache *cache, struct generation *generation)
{
    atomic_store(&generation->file->current, NULL);
    generation->file->retired++;
    generation->state = GENERATION_RETIRED;
    generation->retired_at = atomic_fetch_add(&cache->epoch, 1) + 1; /* who enters from now on does not see it */
    cache->current_count--;
    if (generation->payload.data != NULL)
        cache->retained += generation->payload.size;
    list_append(&cache->leaving, &generation->turn);
    list_remove(&generation->unmeasured);
    generation_changed(cache, generation);
    file_changed(cache, generation->file);
}

static void release_payload(struct cache *cache, struct generation *generation)
{
    size_t size = generation->payload.size;
    cache->shared -= size;
    cache->retained -= size;
    cache->records -= block_bytes(size) - size;
    generation->tier->release(&generation->payload);
    generation->payload.data = NULL;
    generation_changed(cache, generation);
}

static void generation_free(struct cache *cache, struct generation *generation)
{
    struct file *file = generation->file;
    cache->records -= block_bytes(sizeof *generation + strlen(generation->path) + 1);
    cache->spared -= generation->spared;
    cache->lowered -= generation->tier != cache->tiers[0];
    cache->slots[generation->slot] = NULL;
    if (generation->slot < cache->free_slot)
        cache->free_slot = generation->slot;
    if (--cache->generation_count == 0) {
        free(cache->slots);
        cache->slots = NULL;
        cache->slot_count = cache->free_slot = 0;
    }
    list_remove(&generation->turn);
    row_gone(&cache->changes, ROW_GENERATION, &generation->row, generation->id, "", 0);
    free(generation);
    file->retired--;
    files_settle(cache, file, false);
}

/* The oldest epoch that a load under way entered in; UINT64_MAX when none is. */
static uint64_t oldest_reader(const struct cache *cache)
{
    uint64_t oldest = UINT64_MAX;
    for (const struct vm *vm = cache->vms; vm != NULL; vm = vm->next) {
        uint64_t active = atomic_load(&vm->active);
        if (active != 0 && active < oldest)
            oldest = active;
    }
    return oldest;
}

void cache_reclaim(struct cache *cache)
{
    if (!list_empty(&cache->leaving) || !list_empty(&cache->forgotten) || cache->index.old != NULL) {
        uint64_t oldest = oldest_reader(cache);
        if (!list_empty(&cache->leaving))
            cache_fold(cache); /* who could take hold of what was retired before `oldest` has done so */
        LIST_EACH(&cache->leaving, link, after)
        {
            struct generation *generation = LIST_RECORD(link, struct generation, turn);
            if (generation->retired_at > oldest || generation->pins > 0)
                continue;
            bool held = generation->holders > 0;
            if (generation->payload.data != NULL && !(held && generation->tier->pins))
                release_payload(cache, generation);
            if (held)
                list_remove(link); /* until it loses its last holder */
            else
                generation_free(cache, generation);
        }
        index_reclaim(&cache->index, oldest);
        files_reclaim(cache, oldest);
    }
    lua_ops[cache->lua]->sweep_words(); /* those of generations released now, or before when states still had them */
}

#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "overhead.h"

/* Together in one state, so the more the truer: strings that files have in common are counted once. */
enum { MEASURED_AT_ONCE = 256 };

struct file_row *snapshot_files(struct cache *cache, size_t *count)
{
    pthread_mutex_lock(&cache->lock);
    cache_fold(cache);
    struct file_row *rows = malloc((cache->file_count + 1) * sizeof *rows), *row = rows;
    for (struct file *file = cache->files; rows != NULL && file != NULL; file = file->next, row++) {
        const struct generation *current = atomic_load(&file->current);
        row->file = file;
        row->generation = current != NULL ? current->id : 0;
        for (int i = 0; i < OUTCOMES; i++)
            row->loads[i] = atomic_load_explicit(&file->loads[i], memory_order_relaxed);
        row->last_load = file->last_load;
        row->retired = file->retired;
        row->error = file->error != NULL ? strdup(file->error) : NULL;
    }
    *count = rows != NULL ? cache->file_count : 0;
    pthread_mutex_unlock(&cache->lock);
    return rows;
}

void file_rows_free(struct file_row *rows, size_t count)
{
    for (size_t i = 0; rows != NULL && i < count; i++)
        free(rows[i].error);
    free(rows);
}

/* Under the lock: pins up to `limit` generations that wait to be measured. */
static size_t take_unmeasured(struct cache *cache, struct generation **taken, size_t limit)
{
    size_t count = 0;
    for (struct generation *g = cache->generations; g != NULL && count < limit; g = g->next)
        if (g->unshared == 0 && g->payload.data != NULL && g->state == GENERATION_CURRENT) {
            g->pins++;
            taken[count++] = g;
        }
    return count;
}

/* Measures a portion. Returns how many that were; 0: none waits, or there is no memory and it is tried again next time. */
static size_t measure_some(struct cache *cache)
{
    struct generation *taken[MEASURED_AT_ONCE];
    struct measurement items[MEASURED_AT_ONCE];
    pthread_mutex_lock(&cache->lock);
    size_t count = take_unmeasured(cache, taken, MEASURED_AT_ONCE);
    pthread_mutex_unlock(&cache->lock);
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++) /* pinned: the payload stays, and what was published never changes */
        items[i] = (struct measurement){taken[i]->tier, &taken[i]->payload, taken[i]->file->chunkname, 0, 0, 0};
    bool done = lua_ops[cache->lua]->measure(items, count);
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < count; i++) {
        taken[i]->pins--;
        if (done) {
            taken[i]->unshared = items[i].unshared;
            taken[i]->private = items[i].private;
            taken[i]->on_conflict = items[i].on_conflict;
        }
    }
    cache_reclaim(cache);
    pthread_mutex_unlock(&cache->lock);
    return done ? count : 0;
}

void snapshot_measure(struct cache *cache)
{
    while (measure_some(cache) > 0) {
    }
}

/* Under the lock, with the holders brought home. Few VMs have any, and only those are searched. */
static void count_conflicts(struct cache *cache)
{
    for (struct generation *g = cache->generations; g != NULL; g = g->next)
        g->conflicts = 0;
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next) {
        if (atomic_load_explicit(&vm->conflicts, memory_order_relaxed) == 0)
            continue;
        pthread_mutex_lock(&vm->lock);
        for (size_t slot = 0; slot < vm->page_count * HOLDS_PER_PAGE; slot++) {
            const struct hold *hold = vm_find_hold(vm, (uint32_t)slot);
            if (hold == NULL || hold->folded == 0)
                continue;
            struct generation *g = cache->slots[slot];
            g->conflicts += hold_in_conflict(g, hold);
        }
        pthread_mutex_unlock(&vm->lock);
    }
}

struct generation_row *snapshot_generations(struct cache *cache, size_t *count)
{
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    count_conflicts(cache);
    struct generation_row *rows = malloc((cache->generation_count + 1) * sizeof *rows), *row = rows;
    for (struct generation *g = cache->generations; rows != NULL && g != NULL; g = g->next, row++) {
        row->id = g->id;
        row->file = g->file;
        row->state = g->state;
        row->source_bytes = g->source_bytes;
        row->shared = g->payload.data != NULL ? g->payload.size : 0;
        row->unshared = g->unshared;
        row->private = g->private;
        row->on_conflict = g->on_conflict;
        row->tier = g->tier->name;
        row->conflict_tier = g->payload.many_constants ? "bytecode" : "graft";
        row->hits = g->hits;
        row->holders = g->holders;
        row->conflicts = g->conflicts;
        row->prototypes = g->payload.prototypes;
        row->created = g->created;
        row->compile_ns = g->compile_ns;
        row->path = strdup(g->path);
        row->inode = g->inode;
        row->mtime_ns = g->mtime_ns;
    }
    *count = rows != NULL ? cache->generation_count : 0;
    pthread_mutex_unlock(&cache->lock);
    return rows;
}

void generation_rows_free(struct generation_row *rows, size_t count)
{
    for (size_t i = 0; rows != NULL && i < count; i++)
        free(rows[i].path);
    free(rows);
}

struct vm_row *snapshot_vms(struct cache *cache, size_t *count)
{
    pthread_mutex_lock(&cache->lock);
    struct vm_row *rows = malloc((cache->vm_count + 1) * sizeof *rows), *row = rows;
    for (struct vm *vm = cache->vms; rows != NULL && vm != NULL; vm = vm->next, row++) {
        row->id = vm->id;
        for (int i = 0; i < OUTCOMES; i++)
            row->loads[i] = atomic_load_explicit(&vm->loads[i], memory_order_relaxed);
        row->memory = atomic_load_explicit(&vm->used, memory_order_relaxed);
        row->peak = atomic_load_explicit(&vm->peak, memory_order_relaxed);
        row->mode = atomic_load_explicit(&vm->mode, memory_order_relaxed);
        row->generations = atomic_load_explicit(&vm->held, memory_order_relaxed);
        row->conflicts = atomic_load_explicit(&vm->conflicts, memory_order_relaxed);
    }
    *count = rows != NULL ? cache->vm_count : 0;
    pthread_mutex_unlock(&cache->lock);
    return rows;
}

void snapshot_totals(struct cache *cache, struct totals *totals)
{
    memset(totals, 0, sizeof *totals);
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    count_conflicts(cache);
    for (int i = 0; i < OUTCOMES; i++)
        totals->loads[i] = cache->folded[i];
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next) {
        for (int i = 0; i < OUTCOMES; i++)
            totals->loads[i] += atomic_load_explicit(&vm->loads[i], memory_order_relaxed);
        totals->private += atomic_load_explicit(&vm->used, memory_order_relaxed);
    }
    totals->unshared = totals->private; /* and what sharing spares each holder */
    for (struct generation *g = cache->generations; g != NULL; g = g->next) {
        uint64_t bytes = g->payload.data != NULL ? g->payload.size : 0;
        totals->shared += bytes;
        totals->unshared += g->holders * (g->unshared - g->private) - g->conflicts * (g->on_conflict - g->private);
        if (g->state == GENERATION_RETIRED)
            totals->retained += bytes;
    }
    if (cache->tiers[0] != NULL && cache->tiers[0]->words)
        totals->shared += lua_ops[cache->lua]->word_bytes();
    totals->overhead = cache_overhead(cache);
    totals->vms = cache->vm_count;
    totals->dropped = ring_dropped(cache->ring);
    pthread_mutex_unlock(&cache->lock);
}

/* Under the lock. */
static struct generation *find_generation(struct cache *cache, uint64_t id)
{
    for (struct generation *g = cache->generations; g != NULL; g = g->next)
        if (g->id == id)
            return g;
    return NULL;
}

uint64_t *snapshot_holders(struct cache *cache, uint64_t generation, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&cache->lock);
    uint64_t *ids = malloc((cache->vm_count + 1) * sizeof *ids);
    struct generation *g = find_generation(cache, generation);
    for (struct vm *vm = cache->vms; ids != NULL && g != NULL && vm != NULL; vm = vm->next) {
        pthread_mutex_lock(&vm->lock);
        const struct hold *hold = vm_find_hold(vm, g->slot);
        if (hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0)
            ids[(*count)++] = vm->id;
        pthread_mutex_unlock(&vm->lock);
    }
    pthread_mutex_unlock(&cache->lock);
    return ids;
}

char *snapshot_payload(struct cache *cache, uint64_t generation, size_t *size, bool *found)
{
    pthread_mutex_lock(&cache->lock);
    struct generation *g = find_generation(cache, generation);
    *found = g != NULL && g->payload.data != NULL;
    if (*found)
        g->pins++;
    pthread_mutex_unlock(&cache->lock);
    if (!*found)
        return NULL;
    char *copy = lua_ops[cache->lua]->dump(g->tier, &g->payload, g->file->chunkname, size);
    pthread_mutex_lock(&cache->lock);
    g->pins--;
    cache_reclaim(cache);
    pthread_mutex_unlock(&cache->lock);
    return copy;
}

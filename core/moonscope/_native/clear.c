/* Taking generations out of the index: all of them, or by name. */
#include "vm.h"

#include <stdlib.h>
#include <string.h>

/* Is this one meant? keys == NULL: all are. */
struct selection {
    struct file **files; /* sorted by address */
    ptrdiff_t count;     /* < 0: all */
};

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct file *const *)a, y = (uintptr_t) * (struct file *const *)b;
    return (x > y) - (x < y);
}

static bool select_files(struct cache *cache, const char *const *keys, const size_t *lengths, ptrdiff_t count,
                         struct selection *selection)
{
    selection->count = count;
    selection->files = NULL;
    if (count < 0)
        return true;
    selection->files = malloc((size_t)(count + 1) * sizeof *selection->files);
    if (selection->files == NULL)
        return false;
    selection->count = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        struct file *file = index_find(&cache->index, index_hash(keys[i], lengths[i]), keys[i], lengths[i]);
        if (file != NULL)
            selection->files[selection->count++] = file;
    }
    qsort(selection->files, (size_t)selection->count, sizeof *selection->files, by_address);
    return true;
}

static bool selected(const struct selection *selection, struct generation *generation)
{
    if (generation->state != GENERATION_CURRENT)
        return false;
    return selection->count < 0 || bsearch(&generation->file, selection->files, (size_t)selection->count,
                                           sizeof *selection->files, by_address) != NULL;
}

/* Under cache->lock: the VMs that hold one of the selected. */
static void find_holders(struct cache *cache, const struct selection *selection, struct cleared *report)
{
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next) {
        bool holds = false;
        pthread_mutex_lock(&vm->lock);
        for (struct generation *g = cache->generations; g != NULL && !holds; g = g->next) {
            if (!selected(selection, g) || g->holders == 0)
                continue;
            const struct hold *hold = vm_find_hold(vm, g->slot);
            holds = hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0;
        }
        pthread_mutex_unlock(&vm->lock);
        if (holds)
            report->vms[report->vm_count++] = vm->id;
    }
}

/* Bytes of the payloads that the report is about, and how they divide when nothing else happens. */
static void foresee(struct cache *cache, const struct selection *selection, struct cleared *report)
{
    for (struct generation *g = cache->generations; g != NULL; g = g->next) {
        if (!selected(selection, g))
            continue;
        bool stays = (g->tier->pins && g->holders > 0) || g->pins > 0;
        report->files++;
        *(stays ? &report->retained : &report->freed) += g->payload.size;
    }
}

static void retire(struct cache *cache, const struct selection *selection)
{
    for (struct generation *g = cache->generations; g != NULL; g = g->next)
        if (selected(selection, g)) {
            atomic_store(&g->file->current, NULL);
            g->file->retired++;
            g->state = GENERATION_RETIRED;
        }
    /* One epoch for all: a reader that enters from now on sees none of them. */
    uint64_t now = atomic_fetch_add(&cache->epoch, 1) + 1;
    for (struct generation *g = cache->generations; g != NULL; g = g->next)
        if (g->state == GENERATION_RETIRED && g->retired_at == 0)
            g->retired_at = now;
}

static uint64_t stored_bytes(const struct cache *cache)
{
    uint64_t sum = 0;
    for (const struct generation *g = cache->generations; g != NULL; g = g->next)
        sum += g->payload.data != NULL ? g->payload.size : 0;
    return sum;
}

bool cache_clear(struct cache *cache, const char *const *keys, const size_t *lengths, ptrdiff_t count, bool dry,
                 struct cleared *report)
{
    memset(report, 0, sizeof *report);
    struct selection selection;
    if (!select_files(cache, keys, lengths, count, &selection))
        return false;
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    report->vms = malloc((cache->vm_count + 1) * sizeof *report->vms);
    bool done = report->vms != NULL;
    if (done) {
        find_holders(cache, &selection, report);
        foresee(cache, &selection, report);
    }
    if (done && !dry) {
        uint64_t before = stored_bytes(cache), all = report->freed + report->retained;
        retire(cache, &selection);
        cache_reclaim(cache);
        report->freed = before - stored_bytes(cache);
        report->retained = all - report->freed;
    }
    pthread_mutex_unlock(&cache->lock);
    free(selection.files);
    return done;
}

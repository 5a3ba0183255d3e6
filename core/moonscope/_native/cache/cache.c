#include "cache/cache.h"

#include <stdlib.h>
#include <string.h>

#include "cache/block.h"
#include "cache/files.h"
#include "cache/limits.h"
#include "cache/fork.h"
#include "lua/lua.h"

struct cache *cache_new(enum lua_index lua, const struct tier *const tiers[TIERS], bool allow_binary, size_t ring_capacity)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->ring = ring_new(ring_capacity);
    if (cache->ring == NULL || !index_init(&cache->index)) {
        ring_free(cache->ring);
        free(cache);
        return NULL;
    }
    atomic_init(&cache->refs, 1);
    atomic_init(&cache->epoch, 1);
    pthread_mutex_init(&cache->lock, NULL);
    cache->lua = lua;
    memcpy(cache->tiers, tiers, sizeof cache->tiers);
    cache->allow_binary = allow_binary;
    changes_init(&cache->changes);
    struct link *const lists[] = {&cache->failed.files, &cache->bypassed.files, &cache->forgotten, &cache->least_recent,
                                  &cache->leaving, &cache->unmeasured};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        link_init(lists[i]);
    fork_add(cache);
    return cache;
}

void cache_retain(struct cache *cache)
{
    atomic_fetch_add(&cache->refs, 1);
}

void cache_release(struct cache *cache)
{
    if (atomic_fetch_sub(&cache->refs, 1) != 1)
        return;
    fork_remove(cache);
    LIST_EACH(&cache->changes.rows[ROW_GENERATION], link, after)
    {
        struct generation *generation = LIST_RECORD(link, struct generation, row.order);
        if (generation->payload.data != NULL)
            generation->tier->release(&generation->payload);
        free(generation);
    }
    lua_ops[cache->lua]->sweep_words();
    files_destroy(cache);
    changes_destroy(&cache->changes);
    index_destroy(&cache->index);
    ring_free(cache->ring);
    free(cache->slots);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* A free slot, or a new one. False: no memory. */
static bool take_slot(struct cache *cache, struct generation *generation)
{
    /* Slots are dense: with fewer generations than slots one is free. */
    if (cache->generation_count == cache->slot_count) {
        size_t size = cache->slot_count == 0 ? 64 : cache->slot_count * 2;
        struct generation **slots = realloc(cache->slots, size * sizeof *slots);
        if (slots == NULL)
            return false;
        memset(slots + cache->slot_count, 0, (size - cache->slot_count) * sizeof *slots);
        cache->slots = slots;
        cache->slot_count = size;
    }
    size_t slot = cache->free_slot; /* no slot below it is free */
    while (cache->slots[slot] != NULL)
        slot++;
    generation->slot = (uint32_t)slot;
    cache->slots[slot] = generation;
    cache->free_slot = slot + 1;
    cache->generation_count++;
    return true;
}

static struct generation *generation_new(const struct tier *tier, const struct payload *payload,
                                         const struct source *source, uint64_t compile_ns)
{
    size_t path_size = strlen(source->path) + 1;
    void *block = NULL;
    if (posix_memalign(&block, CACHE_LINE, sizeof(struct generation) + path_size) != 0)
        return NULL;
    struct generation *generation = memset(block, 0, sizeof *generation + path_size);
    link_init(&generation->row.order);
    link_init(&generation->turn);
    link_init(&generation->unmeasured);
    generation->tier = tier;
    generation->payload = *payload;
    generation->binary = source->binary;
    generation->source_bytes = source->size;
    generation->inode = source->inode;
    generation->mtime_ns = source->mtime_ns;
    memcpy(generation->path, source->path, path_size);
    generation->created = epoch_seconds();
    generation->compile_ns = compile_ns;
    return generation;
}

/* What the records of a generation take, and its payload beyond its size. */
static size_t record_bytes(const struct generation *generation)
{
    size_t rounding = block_bytes(generation->payload.size) - generation->payload.size;
    return block_bytes(sizeof *generation + strlen(generation->path) + 1) + rounding;
}

/* Under the lock: the generation becomes the current one of the file, which has none. False: no memory. */
static bool install(struct cache *cache, struct file *file, struct generation *fresh)
{
    if (!take_slot(cache, fresh))
        return false;
    fresh->file = file;
    fresh->id = ++cache->last_generation;
    file->last_load = fresh->created;
    cache->shared += fresh->payload.size;
    cache->records += record_bytes(fresh);
    cache->current_count++;
    cache->lowered += fresh->tier != cache->tiers[0];
    list_append(&cache->least_recent, &fresh->turn);
    list_append(&cache->unmeasured, &fresh->unmeasured);
    generation_changed(cache, fresh);
    atomic_store(&file->current, fresh);
    return true;
}

struct generation *cache_publish(struct cache *cache, const struct key *key, const struct tier *tier,
                                 struct payload *payload, const struct source *source, uint64_t compile_ns, bool *raced)
{
    struct generation *fresh = generation_new(tier, payload, source, compile_ns), *current = NULL;
    pthread_mutex_lock(&cache->lock);
    struct file *file = files_add(cache, key, true);
    if (file != NULL) {
        current = atomic_load(&file->current);
        *raced = current != NULL;
        if (current == NULL && fresh != NULL && install(cache, file, fresh))
            current = fresh;
        if (current != NULL)
            atomic_fetch_add_explicit(&file->loads[*raced ? OUTCOME_RACE : OUTCOME_MISS], 1, memory_order_relaxed);
        free(file->error);
        file->error = NULL;
        files_settle(cache, file, false);
        limits_keep(cache);
    }
    pthread_mutex_unlock(&cache->lock);
    if (current != fresh || fresh == NULL) {
        free(fresh);
        tier->release(payload);
    }
    return current;
}

void cache_note(struct cache *cache, const struct key *key, enum outcome outcome, const char *error)
{
    char *copy = error != NULL ? strndup(error, 4096) : NULL;
    pthread_mutex_lock(&cache->lock);
    struct file *file = files_add(cache, key, false);
    if (file != NULL) {
        atomic_fetch_add_explicit(&file->loads[outcome], 1, memory_order_relaxed);
        file->last_load = epoch_seconds();
        if (copy != NULL || outcome != OUTCOME_ERROR) {
            free(file->error);
            file->error = copy;
            copy = NULL;
        }
        files_settle(cache, file, true);
        if (cache->forgotten_count >= VISITORS / 4)
            cache_reclaim(cache);
    }
    pthread_mutex_unlock(&cache->lock);
    free(copy);
}

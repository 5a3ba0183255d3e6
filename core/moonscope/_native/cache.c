#include "cache.h"

#include <stdlib.h>
#include <string.h>

#include "lua.h"
#include "vm.h"

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
    cache->files_end = &cache->files;
    return cache;
}

void cache_retain(struct cache *cache)
{
    atomic_fetch_add(&cache->refs, 1);
}

static void generation_free(struct cache *cache, struct generation *generation)
{
    cache->slots[generation->slot] = NULL;
    cache->generation_count--;
    if (generation->payload.data != NULL)
        generation->tier->release(&generation->payload);
    free(generation);
}

/* Zeroed, and at the beginning of a cache line. NULL: no memory. */
static void *aligned_block(size_t size)
{
    void *block = NULL;
    if (posix_memalign(&block, CACHE_LINE, size) != 0)
        return NULL;
    return memset(block, 0, size);
}

/* Files lie side by side, in the order they were first loaded, as programs load them again: a file on a page of its own
   costs a hit as much as all that a hit does. */
struct file_block {
    struct file_block *older;
    size_t used, size;
    _Alignas(CACHE_LINE) char bytes[];
};

enum { FILE_BLOCK = 16384 };

/* Room for a file at the end of the newest block, zeroed. NULL: no memory. */
static void *file_room(struct cache *cache, size_t size)
{
    struct file_block *block = cache->file_blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > FILE_BLOCK ? size : FILE_BLOCK;
        block = aligned_block(sizeof *block + room);
        if (block == NULL)
            return NULL;
        block->size = room;
        block->older = cache->file_blocks;
        cache->file_blocks = block;
    }
    return block->bytes + block->used;
}

/* Under the lock: a new file, in the index and in the list. NULL: no memory. */
static struct file *add_file(struct cache *cache, uint64_t hash, const char *key, size_t length)
{
    size_t size = (offsetof(struct file, chunkname) + length + 2 + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    struct file *file = file_room(cache, size);
    if (file == NULL)
        return NULL;
    file->hash = hash;
    file->length = length;
    file->chunkname[0] = '@';
    memcpy(file->chunkname + 1, key, length);
    file->key = file->chunkname + 1;
    if (!index_add(&cache->index, file)) {
        memset(file, 0, size);
        return NULL;
    }
    cache->file_blocks->used += size;
    *cache->files_end = file;
    cache->files_end = &file->next;
    cache->file_count++;
    cache->fruitless++;
    return file;
}

void cache_release(struct cache *cache)
{
    if (atomic_fetch_sub(&cache->refs, 1) != 1)
        return;
    while (cache->generations != NULL) {
        struct generation *next = cache->generations->next;
        generation_free(cache, cache->generations);
        cache->generations = next;
    }
    lua_ops[cache->lua]->sweep_words();
    for (struct file *file = cache->files; file != NULL; file = file->next)
        free(file->error);
    while (cache->file_blocks != NULL) {
        struct file_block *older = cache->file_blocks->older;
        free(cache->file_blocks);
        cache->file_blocks = older;
    }
    index_destroy(&cache->index);
    ring_free(cache->ring);
    free(cache->slots);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

struct file *cache_file(struct cache *cache, uint64_t hash, const char *key, size_t length)
{
    struct file *file = index_find(&cache->index, hash, key, length);
    if (file != NULL)
        return file;
    pthread_mutex_lock(&cache->lock);
    file = index_find(&cache->index, hash, key, length);
    if (file == NULL && cache->fruitless < FRUITLESS_FILES)
        file = add_file(cache, hash, key, length);
    pthread_mutex_unlock(&cache->lock);
    return file;
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
    size_t slot = cache->generation_count; /* the right guess unless something was freed */
    while (cache->slots[slot] != NULL)
        slot = (slot + 1) % cache->slot_count;
    generation->slot = (uint32_t)slot;
    cache->slots[slot] = generation;
    cache->generation_count++;
    return true;
}

static struct generation *generation_new(struct file *file, const struct tier *tier, const struct payload *payload,
                                         const struct source *source, uint64_t compile_ns)
{
    size_t path_size = strlen(source->path) + 1;
    struct generation *generation = aligned_block(sizeof *generation + path_size);
    if (generation == NULL)
        return NULL;
    generation->file = file;
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

struct generation *cache_publish(struct cache *cache, struct file *file, const struct tier *tier, struct payload *payload,
                                 const struct source *source, uint64_t compile_ns, bool *raced)
{
    struct generation *fresh = generation_new(file, tier, payload, source, compile_ns);
    pthread_mutex_lock(&cache->lock);
    struct generation *current = atomic_load(&file->current);
    *raced = current != NULL;
    if (current == NULL && fresh != NULL && take_slot(cache, fresh)) {
        if (!file->fruitful)
            cache->fruitless--;
        file->fruitful = true;
        fresh->id = ++cache->last_generation;
        fresh->next = cache->generations;
        cache->generations = fresh;
        file->last_load = fresh->created;
        atomic_store(&file->current, fresh);
        current = fresh;
    }
    pthread_mutex_unlock(&cache->lock);
    if (current != fresh || fresh == NULL) {
        free(fresh);
        tier->release(payload);
    }
    return current;
}

void cache_note_error(struct cache *cache, struct file *file, const char *text)
{
    char *copy = text != NULL ? strndup(text, 4096) : NULL;
    pthread_mutex_lock(&cache->lock);
    free(file->error);
    file->error = copy;
    atomic_store(&file->failing, copy != NULL);
    pthread_mutex_unlock(&cache->lock);
}

void cache_fold_hold(struct cache *cache, struct hold *hold, uint32_t slot, double now)
{
    uint64_t seen = atomic_load_explicit(&hold->hits, memory_order_relaxed);
    if (seen == hold->folded)
        return;
    struct generation *generation = cache->slots[slot];
    if (hold->folded == 0) /* the first unit says "held" */
        generation->holders++;
    uint64_t base = hold->folded == 0 ? 1 : hold->folded;
    if (seen > base) {
        generation->hits += seen - base;
        atomic_fetch_add_explicit(&generation->file->loads[OUTCOME_HIT], seen - base, memory_order_relaxed);
        generation->file->last_load = now;
    }
    hold->folded = seen;
}

void cache_fold(struct cache *cache)
{
    double now = epoch_seconds();
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next) {
        uint64_t hits = atomic_load_explicit(&vm->loads[OUTCOME_HIT], memory_order_acquire);
        uint32_t held = atomic_load_explicit(&vm->held, memory_order_acquire);
        if (hits == vm->folded_hits && held == vm->folded_held)
            continue;
        vm->folded_hits = hits;
        vm->folded_held = held;
        pthread_mutex_lock(&vm->lock);
        for (size_t i = 0; i < vm->page_count * HOLDS_PER_PAGE; i++) {
            struct hold *page = vm->pages[i / HOLDS_PER_PAGE];
            if (page == NULL) {
                i += HOLDS_PER_PAGE - 1;
                continue;
            }
            cache_fold_hold(cache, &page[i % HOLDS_PER_PAGE], (uint32_t)i, now);
        }
        pthread_mutex_unlock(&vm->lock);
    }
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
    uint64_t oldest = oldest_reader(cache);
    cache_fold(cache); /* after that: who could take hold of what was retired before `oldest` has done so */
    struct generation **link = &cache->generations;
    while (*link != NULL) {
        struct generation *generation = *link;
        if (generation->state != GENERATION_RETIRED || generation->retired_at > oldest || generation->pins > 0) {
            link = &generation->next;
            continue;
        }
        bool held = generation->holders > 0;
        if (generation->payload.data != NULL && !(held && generation->tier->pins))
            generation->tier->release(&generation->payload);
        if (held) {
            link = &generation->next;
        } else {
            generation->file->retired--;
            *link = generation->next;
            generation_free(cache, generation);
        }
    }
    lua_ops[cache->lua]->sweep_words(); /* those of generations released now, or before when states still had them */
}

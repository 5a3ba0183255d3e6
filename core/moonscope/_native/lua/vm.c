#include "lua/vm.h"

#include <stdlib.h>
#include <string.h>

#include "cache/block.h"
#include "lua/vm_io.h"

struct vm *vm_new(struct cache *cache, uint64_t id, bool managed)
{
    struct vm *vm = calloc(1, sizeof *vm);
    if (vm == NULL)
        return NULL;
    atomic_init(&vm->refs, 1);
    pthread_mutex_init(&vm->lock, NULL);
    pthread_cond_init(&vm->unpaused, NULL);
    vm->failures_end = &vm->failures;
    vm->id = id;
    vm->managed = managed;
    vm->cache = cache;
    cache_retain(cache);
    return vm;
}

void vm_retain(struct vm *vm)
{
    atomic_fetch_add(&vm->refs, 1);
}

void vm_release(struct vm *vm)
{
    if (atomic_fetch_sub(&vm->refs, 1) != 1)
        return;
    vm_io_destroy(vm);
    cache_release(vm->cache);
    pthread_mutex_destroy(&vm->lock);
    pthread_cond_destroy(&vm->unpaused);
    free(vm->generator);
    free(vm);
}

void vm_attach(struct vm *vm, lua_State *main, lua_Alloc allocate, void *data, size_t used)
{
    struct cache *cache = vm->cache;
    vm_retain(vm);
    vm->main = main;
    vm->allocate = allocate;
    vm->allocate_data = data;
    atomic_store(&vm->used, used);
    atomic_store(&vm->peak, used);
    atomic_store(&vm->rounding, used / 6); /* of what was not seen to be made, about so much */
    pthread_mutex_lock(&cache->lock);
    vm->next = cache->vms;
    if (vm->next != NULL)
        vm->next->previous = vm;
    cache->vms = vm;
    cache->vm_count++;
    link_init(&vm->row.order);
    row_changed(&cache->changes, ROW_VM, &vm->row);
    pthread_mutex_unlock(&cache->lock);
    atomic_store(&vm->attached, true);
}

/* Under cache->lock: counts what is not counted yet and gives up every generation. */
static void give_up_holds(struct vm *vm)
{
    struct cache *cache = vm->cache;
    for (int i = 0; i < OUTCOMES; i++)
        cache->folded[i] += atomic_load(&vm->loads[i]);
    pthread_mutex_lock(&vm->lock);
    for (size_t i = 0; i < vm->page_count; i++) {
        for (size_t k = 0; vm->pages[i] != NULL && k < HOLDS_PER_PAGE; k++)
            if (atomic_load_explicit(&vm->pages[i][k].hits, memory_order_relaxed) > 0)
                cache_end_hold(cache, &vm->pages[i][k], (uint32_t)(i * HOLDS_PER_PAGE + k));
        free(vm->pages[i]);
    }
    free(vm->pages);
    vm->pages = NULL;
    vm->page_count = 0;
    pthread_mutex_unlock(&vm->lock);
}

void vm_detach(struct vm *vm)
{
    struct cache *cache = vm->cache;
    if (!atomic_load(&vm->attached))
        return;
    pthread_mutex_lock(&cache->lock);
    bool first = !atomic_load(&vm->closed);
    if (first) {
        give_up_holds(vm);
        *(vm->previous != NULL ? &vm->previous->next : &cache->vms) = vm->next;
        if (vm->next != NULL)
            vm->next->previous = vm->previous;
        cache->vm_count--;
        row_gone(&cache->changes, ROW_VM, &vm->row, vm->id, "", 0);
        atomic_store(&vm->active, 0);
        atomic_store(&vm->used, 0);
        atomic_store(&vm->closed, true);
        cache_reclaim(cache);
    }
    pthread_mutex_unlock(&cache->lock);
    if (first)
        vm_release(vm);
}

/* Only here the pages change, so only here their lock is needed. */
static void add_page(struct vm *vm, size_t page)
{
    pthread_mutex_lock(&vm->lock);
    if (page >= vm->page_count) {
        size_t count = page + 8;
        struct hold **pages = realloc(vm->pages, count * sizeof *pages);
        if (pages != NULL) {
            memset(pages + vm->page_count, 0, (count - vm->page_count) * sizeof *pages);
            atomic_fetch_add(&vm->records, block_bytes(count * sizeof *pages) - block_bytes(vm->page_count * sizeof *pages));
            vm->pages = pages;
            vm->page_count = count;
        }
    }
    if (page < vm->page_count && vm->pages[page] == NULL) {
        vm->pages[page] = calloc(HOLDS_PER_PAGE, sizeof **vm->pages);
        if (vm->pages[page] != NULL)
            atomic_fetch_add(&vm->records, block_bytes(HOLDS_PER_PAGE * sizeof **vm->pages));
    }
    pthread_mutex_unlock(&vm->lock);
}

struct hold *vm_add_hold(struct vm *vm, struct generation *generation)
{
    struct hold *hold = vm_find_hold(vm, generation->slot);
    if (hold == NULL) {
        add_page(vm, generation->slot / HOLDS_PER_PAGE);
        hold = vm_find_hold(vm, generation->slot);
    }
    if (hold != NULL) {
        vm->taken += generation->payload.size;
        atomic_store_explicit(&hold->hits, 1, memory_order_relaxed);
        /* Then the number, as for hits: whoever sees the new one finds the hold (cache_fold). */
        uint32_t held = atomic_load_explicit(&vm->held, memory_order_relaxed);
        atomic_store_explicit(&vm->held, held + 1, memory_order_release);
    }
    return hold;
}

bool hold_in_conflict(const struct generation *generation, const struct hold *hold)
{
    const void *own = atomic_load_explicit(&hold->own, memory_order_relaxed);
    return generation->tier->on_conflict != NULL && own != NULL && own != generation->payload.prototype;
}

void vm_let_go(struct vm *vm, uint32_t slot)
{
    struct cache *cache = vm->cache;
    pthread_mutex_lock(&cache->lock);
    pthread_mutex_lock(&vm->lock);
    struct hold *hold = vm_find_hold(vm, slot);
    if (hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0) {
        if (hold_in_conflict(cache->slots[slot], hold))
            atomic_fetch_sub(&vm->conflicts, 1);
        cache_end_hold(cache, hold, slot);
        atomic_store_explicit(&hold->own, NULL, memory_order_relaxed);
        atomic_store_explicit(&hold->hits, 0, memory_order_relaxed);
        vm->seen.held = UINT32_MAX; /* with a new hold meanwhile, `held` would tell nothing */
        uint32_t held = atomic_load_explicit(&vm->held, memory_order_relaxed);
        atomic_store_explicit(&vm->held, held - 1, memory_order_release);
    }
    pthread_mutex_unlock(&vm->lock);
    pthread_mutex_unlock(&cache->lock);
}

size_t vm_replaced(struct vm *vm, uint32_t slot, uint32_t *slots, size_t room)
{
    struct cache *cache = vm->cache;
    size_t count = 0;
    pthread_mutex_lock(&cache->lock);
    const struct file *file = cache->slots[slot]->file;
    if (file->retired > 0)
        for (uint32_t i = 0; count < room && i < vm->page_count * HOLDS_PER_PAGE; i++) {
            const struct hold *hold = vm_find_hold(vm, i);
            if (i != slot && hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0 &&
                cache->slots[i]->file == file)
                slots[count++] = i;
        }
    pthread_mutex_unlock(&cache->lock);
    return count;
}

/* The VM's thread is the only writer of a counter. */
static void count(_Atomic uint64_t *counter, uint64_t more, memory_order order)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, order);
}

/* Times and logs a load that ends now. It stands for so many in the time that all loads took. */
static void log_load(struct vm *vm, struct event *event, uint64_t start, unsigned loads)
{
    event->end = ticks_now();
    event->duration = event->end > start && start != 0 ? event->end - start : 0; /* another core's counter may be behind */
    event->vm = vm->id;
    count(&vm->load_ticks, event->duration * loads, memory_order_relaxed);
    ring_put(vm->cache->ring, event);
}

static void log_generation(struct vm *vm, enum outcome outcome, uint64_t start, const struct generation *generation,
                           unsigned loads)
{
    struct event event = {
        .outcome = (uint8_t)outcome,
        .generation = generation->id,
        .bytes = generation->payload.size,
        .key = file_key(generation->file),
    };
    log_load(vm, &event, start, loads);
}

static void log_hit(struct vm *vm, bool first, uint64_t start, const struct generation *generation)
{
    unsigned loads = 1;
    vm->quiet = 0; /* files are loaded by the dozen: the next one may be another first */
    if (!first) {
        loads += vm->unlogged;
        vm->unlogged = 0;
        vm->quiet = HITS_PER_EVENT - 1;
    }
    log_generation(vm, OUTCOME_HIT, start, generation, loads);
}

void vm_record_hit(struct vm *vm, struct hold *hold, bool first, uint64_t start, const struct generation *generation)
{
    if (hold != NULL)
        count(&hold->hits, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&generation->file->loads[OUTCOME_HIT], 1, memory_order_relaxed);
    vm->served = generation->tier->pins ? generation->slot : NO_SLOT;
    count(&vm->loads[OUTCOME_HIT], 1, memory_order_release);
    if (start != 0) {
        log_hit(vm, first, start, generation);
    } else {
        vm->unlogged++;
        vm->quiet -= vm->quiet > 0; /* a load inside this one may have set it */
    }
}

void vm_record(struct vm *vm, enum outcome outcome, uint64_t start, const struct generation *generation)
{
    vm->served = generation->tier->pins ? generation->slot : NO_SLOT;
    vm->quiet = 0;
    count(&vm->loads[outcome], 1, memory_order_release);
    log_generation(vm, outcome, start, generation, 1);
}

void vm_record_key(struct vm *vm, const struct key *key, enum outcome outcome, uint64_t start, const char *error)
{
    struct event event = {.outcome = (uint8_t)outcome};
    vm->served = NO_SLOT;
    vm->quiet = 0;
    count(&vm->loads[outcome], 1, memory_order_release);
    if (key != NULL) {
        event.key = strndup(key->text, key->length); /* without memory it is an event without a key */
        event.owned = event.key != NULL;
    }
    log_load(vm, &event, start, 1);
    if (key != NULL)
        cache_note(vm->cache, key, outcome, error);
}

#include "overhead.h"

#include <string.h>

#include "block.h"
#include "lua.h"
#include "vm.h"

static uint64_t vm_overhead(struct vm *vm)
{
    uint64_t sum = block_bytes(sizeof *vm) + atomic_load_explicit(&vm->rounding, memory_order_relaxed);
    pthread_mutex_lock(&vm->lock);
    sum += block_bytes(vm->page_count * sizeof *vm->pages);
    for (size_t i = 0; i < vm->page_count; i++)
        if (vm->pages[i] != NULL)
            sum += block_bytes(HOLDS_PER_PAGE * sizeof **vm->pages);
    sum += block_bytes(vm->output_room);
    pthread_mutex_unlock(&vm->lock);
    return sum;
}

uint64_t cache_overhead(struct cache *cache)
{
    uint64_t sum = block_bytes(cache->slot_count * sizeof *cache->slots);
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next)
        sum += vm_overhead(vm);
    for (const struct file *file = cache->files; file != NULL; file = file->next)
        sum += sizeof *file + file->length + 2; /* they lie side by side */
    for (const struct generation *g = cache->generations; g != NULL; g = g->next) {
        sum += block_bytes(sizeof *g + strlen(g->path) + 1);
        if (g->payload.data != NULL)
            sum += block_bytes(g->payload.size) - g->payload.size;
    }
    if (cache->tiers[0] != NULL && cache->tiers[0]->words)
        sum += lua_ops[cache->lua]->word_overhead();
    return sum;
}

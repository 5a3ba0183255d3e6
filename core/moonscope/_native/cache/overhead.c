#include "cache/overhead.h"

#include "cache/block.h"
#include "lua/lua.h"
#include "lua/vm.h"

uint64_t cache_overhead(struct cache *cache)
{
    uint64_t sum = sizeof *cache + ring_bytes(cache->ring) + cache->records + block_bytes(cache->slot_count * sizeof *cache->slots) + cache->index.bytes;
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next)
        sum += block_bytes(sizeof *vm) + atomic_load_explicit(&vm->rounding, memory_order_relaxed) +
               atomic_load_explicit(&vm->records, memory_order_relaxed);
    if (cache->tiers[0] != NULL && cache->tiers[0]->words)
        sum += lua_ops[cache->lua]->word_overhead();
    return sum;
}

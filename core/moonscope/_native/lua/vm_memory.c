/* The allocator of a VM: the state's own one, with its blocks counted. */
#include "lua/vm.h"

#include <sched.h>
#include <stdlib.h>

#include "cache/block.h"

/* May the VM not have so many bytes more? Only a run is refused memory: between runs the owner's own calls are not
   protected, and failing them would end the process. They get by with the reserve, and so does a collection,
   which some Luas cannot begin without memory. */
static __attribute__((noinline)) bool is_refused(struct vm *vm, size_t used, size_t more)
{
    if (vm->refusing) {
        vm->refusing = false;
        return true;
    }
    return vm->cap != 0 && used + more + (vm->collecting ? 0 : CAP_RESERVE) > vm->cap &&
           atomic_load_explicit(&vm->current, memory_order_relaxed) != NULL;
}

static inline void count_bytes(struct vm *vm, size_t used, size_t more_rounding)
{
    size_t rounding = atomic_load_explicit(&vm->rounding, memory_order_relaxed);
    atomic_store_explicit(&vm->rounding, rounding + more_rounding, memory_order_relaxed);
    atomic_store_explicit(&vm->used, used, memory_order_relaxed);
    if (used > atomic_load_explicit(&vm->peak, memory_order_relaxed))
        atomic_store_explicit(&vm->peak, used, memory_order_relaxed);
}

static __attribute__((noinline)) void *change_block(struct vm *vm, void *block, size_t old_size, size_t new_size)
{
    size_t used = atomic_load_explicit(&vm->used, memory_order_relaxed);
    if (new_size >= ABSURD_SIZE || (new_size > old_size && is_refused(vm, used, new_size - old_size)))
        return NULL;
    /* Whoever sets a hook from outside walks call frames: none may be freed meanwhile (see lua/interrupt.inc.h). */
    while (atomic_load(&vm->hooking))
        sched_yield();
    /* The block that holds the main thread is the last that lua_close frees. */
    bool end = new_size == 0 && (char *)vm->main >= (char *)block && (char *)vm->main < (char *)block + old_size;
    if (end)
        vm_end_interrupts(vm);
    void *result = vm->allocate(vm->allocate_data, block, old_size, new_size);
    if (end) {
        vm_detach(vm);
        return NULL;
    }
    if (result != NULL || new_size == 0)
        count_bytes(vm, used + new_size - old_size,
                    block_bytes(new_size) - new_size - (block_bytes(old_size) - old_size));
    return result;
}

void *vm_allocate(void *ud, void *block, size_t old_size, size_t new_size)
{
    struct vm *vm = ud;
    if (is_graft_part(&vm->grafts, block)) {
        vm->grafts.freed(&vm->grafts, block, old_size);
        return NULL;
    }
    if (block != NULL)
        return change_block(vm, block, old_size, new_size);
    /* Each hit makes two. The old size tells what kind of object is made. */
    size_t used = atomic_load_explicit(&vm->used, memory_order_relaxed);
    if (new_size - 1 >= ABSURD_SIZE || ((vm->refusing || vm->cap != 0) && is_refused(vm, used, new_size))) /* or 0 */
        return NULL;
    /* Not ours in a hostile build (tests/native/hostile.h): the state's allocator frees it. */
    void *result = vm->stock_allocator ? (malloc)(new_size) : vm->allocate(vm->allocate_data, NULL, 0, new_size);
    if (result != NULL)
        count_bytes(vm, used + new_size, block_bytes(new_size) - new_size);
    return result;
}

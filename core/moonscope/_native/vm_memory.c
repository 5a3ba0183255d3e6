/* The allocator of a VM: the state's own one, with its blocks counted. */
#include "vm.h"

#include <sched.h>

#include "block.h"

void vm_end_interrupts(struct vm *vm)
{
    atomic_store(&vm->current, NULL);
    while (atomic_load(&vm->hooking))
        sched_yield();
}

void *vm_allocate(void *ud, void *block, size_t old_size, size_t new_size)
{
    struct vm *vm = ud;
    if (is_graft_part(&vm->grafts, block)) {
        vm->grafts.freed(&vm->grafts, block, old_size);
        return NULL;
    }
    if (block == NULL)
        old_size = 0; /* it tells what kind of object is made, not a size */
    size_t used = atomic_load_explicit(&vm->used, memory_order_relaxed);
    if (new_size >= ABSURD_SIZE)
        return NULL;
    if (vm->refusing && new_size > old_size) {
        vm->refusing = false;
        return NULL;
    }
    /* Only a run is refused memory: between runs the owner's own calls are not protected, and failing them would end the
       process. They get by with the reserve. */
    if (new_size > old_size && vm->cap != 0 && used + (new_size - old_size) + CAP_RESERVE > vm->cap &&
        atomic_load_explicit(&vm->current, memory_order_relaxed) != NULL)
        return NULL;
    /* Whoever sets a hook from outside walks call frames: none may be freed meanwhile (see interrupt.h). */
    while (block != NULL && atomic_load(&vm->hooking))
        sched_yield();
    /* The block that holds the main thread is the last that lua_close frees. */
    bool end = new_size == 0 && block != NULL && (char *)vm->main >= (char *)block &&
               (char *)vm->main < (char *)block + old_size;
    if (end)
        vm_end_interrupts(vm);
    void *result = vm->allocate(vm->allocate_data, block, old_size, new_size);
    if (end) {
        vm_detach(vm);
        return NULL;
    }
    if (result != NULL || new_size == 0) {
        size_t rounding = atomic_load_explicit(&vm->rounding, memory_order_relaxed);
        rounding += block_bytes(new_size) - new_size - (block_bytes(old_size) - old_size);
        used = used + new_size - old_size;
        atomic_store_explicit(&vm->rounding, rounding, memory_order_relaxed);
        atomic_store_explicit(&vm->used, used, memory_order_relaxed);
        if (used > atomic_load_explicit(&vm->peak, memory_order_relaxed))
            atomic_store_explicit(&vm->peak, used, memory_order_relaxed);
    }
    return result;
}

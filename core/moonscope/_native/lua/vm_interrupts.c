/* When a run may be interrupted and paused. How it is: lua/interrupt.inc.h. */
#include "lua/vm.h"

#include <sched.h>

#include "lua/thread_signal.h"

void vm_begin_interrupts(struct vm *vm, lua_State *L)
{
    atomic_store(&vm->stop, REASON_NONE);
    atomic_store(&vm->signalled, false);
    atomic_store(&vm->overdue, false);
    vm->hooked = NULL;
    thread_signal_run(vm);
    atomic_store(&vm->current, L);
}

void vm_end_interrupts(struct vm *vm)
{
    atomic_store(&vm->current, NULL);
    while (atomic_load(&vm->hooking))
        sched_yield();
    thread_signal_run(NULL);
    atomic_store(&vm->paused, false);
}

void vm_resume(struct vm *vm)
{
    if (!atomic_exchange(&vm->paused, false))
        return;
    pthread_mutex_lock(&vm->lock);
    pthread_cond_broadcast(&vm->unpaused);
    pthread_mutex_unlock(&vm->lock);
}

void vm_wait_paused(struct vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    while (atomic_load(&vm->paused) && atomic_load(&vm->stop) == REASON_NONE)
        pthread_cond_wait(&vm->unpaused, &vm->lock);
    pthread_mutex_unlock(&vm->lock);
}

/* Ending a run from outside, and pausing it.

   No hook is set while nothing is wanted: a count hook that is always on makes Lua 5.4 2.2 times slower. To interrupt,
   another thread sets vm->stop and sends a signal to the thread of the run, whose handler sets a count hook of 1 on the
   coroutine that runs (vm->current). Hooks belong to one coroutine, so coroutine.resume and coroutine.wrap keep that right.
   The hook goes on raising, at every next instruction, until the outermost call has returned, so `pcall` in a loop does
   not swallow it. When a coroutine dies of it, the resume that waited for it raises in the coroutine below.
   The one who interrupts repeats it every few milliseconds while the VM is running: the script may have moved to another
   coroutine, or set a hook of its own, or begun to wait for a pipe after the signal that would have ended the wait.

   Where a signal is not handled in time, the other thread sets the hook itself. lua_sethook walks the call frames of the
   running coroutine then, so vm->hooking is set meanwhile, and the allocator lets nothing be freed or moved (vm_allocate).
   It is set before vm->current is read, and a coroutine leaves vm->current before it can become garbage, so whatever is
   read there stays valid. A frame that changes its kind at that moment may be damaged, which is why only a run that ends
   is treated so.

   To pause a run, its hook waits (vm->paused). A script sees nothing of it but that time passes: if the script has a hook
   of its own, it waits there.

   Finalizers, hooks of the script and handlers of errors in them run with hooks off, so to end a run hooks are let run, too
   (lua/inside.inc.h). Out of reach: C functions that compute for long (pattern matching) or go on waiting when they are
   interrupted (os.execute), and compiled traces of LuaJIT. */
#pragma once

#include "cache/moonscope.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/clock.h"
#include "lua/registry.inc.h"
#include "lua/inside.inc.h"
#include "lua/traceback.inc.h"

enum { BUDGET_STEP = 1000, RESUME_COST = 100 }; /* instructions */
enum { MAX_RESUMED = 190 };                     /* coroutines inside each other, as the other Luas allow */

static void budget_hook(lua_State *L, lua_Debug *activation);

static void restore_hook(lua_State *L, const struct vm *vm)
{
    if (vm->budget > 0)
        lua_sethook(L, budget_hook, LUA_MASKCOUNT, BUDGET_STEP);
    else
        lua_sethook(L, NULL, 0, 0);
}

static const char *stop_text(int reason)
{
    switch (reason) {
    case REASON_INSTRUCTIONS: return "interrupted: the instruction budget is used up";
    case REASON_TIME: return "interrupted: the time budget is used up";
    case REASON_EXIT: return "os.exit was called";
    default: return "interrupted";
    }
}

/* lua_error calls the message handler of an xpcall first, inside the hook; one that loops would have to be ended again, and
   all of them see an error that is not the script's. A memory error unwinds without asking anybody. Where Lua collects all
   garbage before it raises one, which takes long in a large heap, once for every pcall that catches it, it is raised
   otherwise. */
static int raise_past_handlers(lua_State *L, struct vm *vm, const char *text)
{
    keep_interruption(L, vm, text);
#if LUA_VERSION_NUM >= 504
    lua_pushlstring(L, "not enough memory", 17); /* with this very text lua_error raises a memory error */
#elif LUA_VERSION_NUM >= 502
    if (inside.hooks > 0) { /* a handler is ended at its first instruction, and by so many errors in errors Lua gives up */
        set_hooks_off((unsigned char *)L + inside.hooks, false);
        lua_pushstring(L, text);
    } else {
        lua_newuserdata(L, ABSURD_SIZE);
    }
#elif defined LUAJIT
    for (;;) { /* ABSURD_SIZE would be another error; a finalizer may run first and take the refusal */
        vm->refusing = true;
        lua_newuserdata(L, 1);
    }
#else
    lua_newuserdata(L, ABSURD_SIZE);
#endif
    return lua_error(L);
}

static int stop_now(lua_State *L, struct vm *vm, enum reason reason);

static void stop_hook(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    struct vm *vm = attached_vm(L);
    if (vm != NULL && atomic_load(&vm->overdue))
        stop_now(L, vm, REASON_TIME);
    int reason = vm != NULL ? atomic_load(&vm->stop) : REASON_NONE;
    if (reason == REASON_NONE) { /* meant for a run that is over */
        if (vm != NULL)
            restore_hook(L, vm);
        else
            lua_sethook(L, NULL, 0, 0);
        return;
    }
    raise_past_handlers(L, vm, stop_text(reason));
}

static void set_stop_hook(lua_State *running)
{
    lua_sethook(running, stop_hook, LUA_MASKCOUNT, 1);
}

/* In a signal handler, or from another thread. From 5.4 on lua_sethook goes through all frames: in a deep stack it takes
   longer than until it is repeated, and would leave the run no time to end. */
static void stop(struct vm *vm, lua_State *running)
{
    enum { PAUSE = 20 }; /* times as long as setting the hook took */
    uint64_t began = ticks_now();
    if (lua_gethook(running) != stop_hook || began >= atomic_load(&vm->stop_again)) {
        set_stop_hook(running);
        uint64_t now = ticks_now();
        atomic_store(&vm->stop_again, now + PAUSE * (now - began));
    }
    let_hooks_run(vm, running);
}

/* From inside the VM: nothing that the script does from here on counts. */
static int stop_now(lua_State *L, struct vm *vm, enum reason reason)
{
    int none = REASON_NONE;
    atomic_compare_exchange_strong(&vm->stop, &none, reason);
    set_stop_hook(L);
    return raise_past_handlers(L, vm, stop_text(atomic_load(&vm->stop)));
}

/* What the hooks of a run that goes on do first: wait while it is paused, end it if it is to end. */
static void heed_in_hook(lua_State *L, struct vm *vm)
{
    if (atomic_load(&vm->paused))
        vm_wait_paused(vm);
    if (atomic_load(&vm->stop) != REASON_NONE)
        stop_now(L, vm, REASON_PERSON);
}

static void charge(lua_State *L, struct vm *vm, int64_t instructions)
{
    vm->left -= instructions;
    if (vm->left < 0)
        stop_now(L, vm, REASON_INSTRUCTIONS);
}

static void budget_hook(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    struct vm *vm = attached_vm(L);
    if (vm == NULL)
        return;
    heed_in_hook(L, vm);
    charge(L, vm, BUDGET_STEP);
}

/* In its place nothing is set as long as the run goes on. */
static void pause_hook(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    struct vm *vm = attached_vm(L);
    lua_sethook(L, NULL, 0, 0);
    if (vm != NULL)
        heed_in_hook(L, vm);
}

/* In a signal handler. Other hooks of ours look themselves whether the run is paused. In the middle of a load it goes on:
   what the load may refer to is kept from being freed. */
static void heed(struct vm *vm)
{
    lua_State *running = atomic_load(&vm->current);
    if (running == NULL)
        return;
    if (atomic_load(&vm->stop) != REASON_NONE || atomic_load(&vm->overdue))
        stop(vm, running);
    else if (atomic_load(&vm->paused) && vm->depth == 0 && lua_gethook(running) == NULL)
        lua_sethook(running, pause_hook, LUA_MASKCOUNT, 1);
}

/* Everything that runs inside a VM of one Lua; see lua_api.h for how it is compiled. What the rest of the C part may
   ask of a Lua is the table at the end. */
#include "moonscope.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "block.h"
#include "lua.h"
#include "vm.h"
#include "vm_io.h"

#include "lua_api.h"

#include "lua_registry.h"
#include "lua_text.h"
#if LUA_VERSION_NUM >= 504
#include "lua_hooks.h"
#endif
#include "lua_bytecode.h"
#include "lua_state.h"
#if LUA_VERSION_NUM >= 504
#include "lua_layout.h"
#include "lua_heap.h"
#include "lua_word_table.h"
#include "lua_vocabulary.h"
#include "lua_word_rounds.h"
#include "lua_frozen.h"
#include "lua_sequence.h"
#include "lua_plan.h"
#include "lua_freeze.h"
#include "lua_factory.h"
#include "lua_graft.h"
#include "lua_proof.h"
#endif
#include "lua_retired.h"
#if LUA_VERSION_NUM >= 504
#include "lua_direct.h"
#endif
#include "lua_miss.h"
#include "lua_load.h"
#include "lua_require.h"
#include "lua_inside.h"
#include "lua_traceback.h"
#include "lua_interrupt.h"
#include "lua_coroutines.h"
#include "lua_script_hooks.h"
#include "lua_console.h"
#include "lua_install.h"
#include "lua_reach.h"
#include "lua_describe.h"
#include "lua_look.h"
#include "lua_closures.h"
#include "lua_kept.h"
#include "lua_run.h"
#include "lua_random.h"
#include "lua_libraries.h"
#include "lua_attach.h"
#if LUA_VERSION_NUM >= 504
#include "lua_base_words.h"
#endif
#include "lua_donor.h"
#include "lua_bench.h"

static bool bind(void *library, const char **missing)
{
#define RESOLVE(result, name, arguments) \
    if ((*(void **)&name = dlsym(library, #name)) == NULL) { \
        *missing = #name; \
        return false; \
    }
    LUA_API(RESOLVE)
#undef RESOLVE
#if LUA_VERSION_NUM >= 504
    *(void **)&lua_closethread = dlsym(library, "lua_closethread");
    *(void **)&lua_resetthread = dlsym(library, "lua_resetthread");
    if (lua_closethread == NULL && lua_resetthread == NULL) {
        *missing = "lua_closethread";
        return false;
    }
#endif
    probe_inside();
    return true;
}

static const struct tier *sharing_tier(void *library, const char *release)
{
#if LUA_VERSION_NUM >= 504
    if (!layout_known(release))
        return NULL;
    return direct_start(library) ? &direct : &graft;
#else
    (void)library;
    (void)release;
    return NULL;
#endif
}

static uint64_t newest_word(void)
{
#if LUA_VERSION_NUM >= 504
    return atomic_load(&vocabulary.newest);
#else
    return 0;
#endif
}

static uint64_t word_bytes(void)
{
#if LUA_VERSION_NUM >= 504
    return atomic_load(&vocabulary.bytes) - vocabulary.base;
#else
    return 0;
#endif
}

static uint64_t word_savings(void)
{
#if LUA_VERSION_NUM >= 504
    return vocabulary.spared;
#else
    return 0;
#endif
}

static bool words_wait(void)
{
#if LUA_VERSION_NUM >= 504
    return vocabulary_waits();
#else
    return false;
#endif
}

static void answer(struct vm *vm)
{
#if LUA_VERSION_NUM >= 504
    if (vocabulary.runtime != NULL)
        vocabulary.runtime->answer(vm->main);
#else
    (void)vm;
#endif
}

static uint64_t word_overhead(void)
{
#if LUA_VERSION_NUM >= 504
    return atomic_load(&vocabulary.overhead) + vocabulary.base;
#else
    return 0;
#endif
}

static void hold_donor(bool held)
{
    if (held)
        pthread_mutex_lock(&one_at_a_time);
    else
        pthread_mutex_unlock(&one_at_a_time);
}

static void hold_words(bool held)
{
#if LUA_VERSION_NUM >= 504
    if (held)
        pthread_mutex_lock(&vocabulary.lock);
    else
        pthread_mutex_unlock(&vocabulary.lock);
#else
    (void)held;
#endif
}

static void sweep_words(void)
{
#if LUA_VERSION_NUM >= 504
    vocabulary_sweep();
#endif
}

#if LUA_VERSION_NUM >= 504
#define GRAFT &graft
#else
#define GRAFT NULL
#endif

#if LUA_VERSION_NUM == 505
#define FIXED &fixed
#else
#define FIXED NULL
#endif

#define PASTE(a, b) a##b
#define NAMED(tag) PASTE(lua_ops_, tag)

const struct lua_ops NAMED(LUA_TAG) = {
    .bind = bind,
    .sharing = sharing_tier,
    .graft = GRAFT,
    .newest_word = newest_word,
    .word_bytes = word_bytes,
    .word_savings = word_savings,
    .word_overhead = word_overhead,
    .words_wait = words_wait,
    .answer = answer,
    .hold_donor = hold_donor,
    .hold_words = hold_words,
    .sweep_words = sweep_words,
    .bytecode = &bytecode,
    .spawn = spawn,
    .close = close_state,
    .heed = heed,
    .set_hook = stop,
    .let_hooks_run = let_hooks_run,
    .running_function = running_function,
    .enter = enter,
    .dump = dump_payload,
    .measure = measure,
    .compile = compile,
    .release = release_string,
    .bench = run_bench,
    .bench_loads = run_bench_loads,
    .fixed = FIXED,
};

/* Everything that runs inside a VM of one Lua; see lua/api.inc.h for how it is compiled. What the rest of the C part may
   ask of a Lua is the table at the end. */
#include "cache/moonscope.h"

#include <dlfcn.h>

#include "cache/tier.h"
#include "lua/lua.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/bytecode.inc.h"
#include "lua/inside.inc.h"
#include "lua/interrupt.inc.h"
#include "lua/run.inc.h"
#include "lua/attach.inc.h"
#include "lua/donor.inc.h"
#include "lua/bench.inc.h"
#if LUA_VERSION_NUM >= 504
#include "lua/word_rounds.inc.h"
#include "lua/proof.inc.h"
#include "lua/direct.inc.h"
#include "lua/base_words.inc.h"
#endif

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

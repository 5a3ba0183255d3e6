/* Measurements that only C can make: what a hit costs against a bare undump of the same bytes, what its counters and
   events cost, and what loads by a tier take and keep in states that never loaded the files before. Speed is compared
   within a round, never with a clock of another run. */
#pragma once

#include "cache/cache.h"
#include "cache/generation.h"
#include "cache/index.h"
#include "cache/tier.h"
#include "lua/lua.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/bytecode.inc.h"
#include "lua/load.inc.h"

#if LUA_VERSION_NUM == 505
/* A tier for comparison only: Lua 5.5's own way to share a part, the code and lines of a dump in memory that stays. */
static int fixed_push(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload,
                      const char *chunkname)
{
    (void)vm;
    (void)hold;
    struct whole whole = {payload->data, payload->size};
    return lua_load(L, read_whole, &whole, chunkname, "B");
}

static const struct tier fixed = {
    .name = "fixed",
    .pins = true,
    .store = bytecode_store,
    .push = fixed_push,
    .release = bytecode_release,
};
#endif

/* CPU time of this thread: what else runs on the machine is left out. */
static uint64_t busy_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What asking twice takes: of short passes it would be a good part. */
static uint64_t clock_cost(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 100; i++) {
        uint64_t start = busy_ns(), ns = busy_ns() - start;
        least = ns < least ? ns : least;
    }
    return least;
}

struct bench {
    struct vm *vm;
    const char *const *names;
    size_t count, rounds;
    struct bench_round *out;
    size_t stored;
};

/* What load_stored does on a hit, without counting and logging. */
static void quiet_hit(lua_State *L, struct vm *vm, const char *name)
{
    size_t length = strlen(name);
    vm_enter(vm);
    struct file *file = index_find(&vm->cache->index, index_hash(name, length), name, length);
    struct generation *generation = atomic_load(&file->current);
    generation->tier->push(L, vm, vm_hold(vm, generation), &generation->payload, file->chunkname);
    vm_exit(vm);
}

static void bare_undump(lua_State *L, struct vm *vm, const char *name)
{
    size_t length = strlen(name);
    vm_enter(vm);
    struct file *file = index_find(&vm->cache->index, index_hash(name, length), name, length);
    struct generation *generation = atomic_load(&file->current);
    bytecode_push(L, NULL, NULL, &generation->payload, file->chunkname);
    vm_exit(vm);
}

static void full_hit(lua_State *L, struct vm *vm, const char *name)
{
    cached_load(L, vm, name, NULL);
}

/* ns per file of one pass over all names. The collector rests meanwhile: its work is the same for all. */
static double one_pass(lua_State *L, const struct bench *bench, void (*load)(lua_State *, struct vm *, const char *))
{
    int top = lua_gettop(L);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    uint64_t start = busy_ns();
    for (size_t i = 0; i < bench->stored; i++) {
        load(L, bench->vm, bench->names[i]);
        lua_settop(L, top);
    }
    double ns = (double)(busy_ns() - start) / (double)bench->stored;
    lua_gc(L, LUA_GCRESTART, 0);
    return ns;
}

static bool is_stored(const struct vm *vm, const char *name)
{
    size_t length = strlen(name);
    struct file *file = index_find(&vm->cache->index, index_hash(name, length), name, length);
    return file != NULL && atomic_load(&file->current) != NULL;
}

/* Argument: struct bench. Names that are not stored are moved behind the others first. */
static int bench_body(lua_State *L)
{
    struct bench *bench = lua_touserdata(L, 1);
    const char **names = (const char **)bench->names;
    for (size_t i = 0; i < bench->count; i++) {
        bool loaded = cached_load(L, bench->vm, names[i], NULL) == LUA_OK;
        if (loaded && is_stored(bench->vm, names[i])) {
            const char *name = names[i];
            names[i] = names[bench->stored];
            names[bench->stored++] = name;
        }
        lua_settop(L, 1);
    }
    bool dumps = bench->vm->cache->tiers[0] == &bytecode; /* other tiers store no dump that a bare undump could read */
    for (size_t i = 0; bench->stored > 0 && i < bench->rounds; i++) {
        bench->out[i].bare_ns = dumps ? one_pass(L, bench, bare_undump) : 0;
        bench->out[i].hit_ns = one_pass(L, bench, full_hit);
        bench->out[i].quiet_ns = one_pass(L, bench, quiet_hit);
    }
    return 0;
}

/* Either may be NULL. */
static void end_bench_vm(lua_State *L, struct vm *vm)
{
#ifdef LUAJIT /* wants the allocator it was made with */
    if (L != NULL && vm != NULL && attached_vm(L) == vm)
        lua_setallocf(L, vm->allocate, vm->allocate_data);
#endif
    if (L != NULL)
        lua_close(L);
    if (vm != NULL) {
        vm_detach(vm);
        vm_release(vm);
    }
}

static size_t run_bench(struct cache *cache, const char **names, size_t count, size_t rounds, struct bench_round *out)
{
    struct vm *vm = vm_new(cache, 0, false);
    if (vm != NULL)
        vm->born = lua_ops[cache->lua]->newest_word(); /* before the state is made */
    lua_State *L = luaL_newstate();
    struct bench bench = {vm, names, count, rounds, out, 0};
    if (vm != NULL && L != NULL) {
        void *data;
        lua_Alloc allocate = lua_getallocf(L, &data);
        vm_attach(vm, L, allocate, data, counted_bytes(L));
        lua_setallocf(L, vm_allocate, vm);
        lua_pushcclosure(L, bench_body, 0);
        lua_pushlightuserdata(L, &bench);
        if (protected_call(L, 1, 0, 0) != LUA_OK)
            bench.stored = 0;
    }
    end_bench_vm(L, vm);
    return bench.stored;
}

enum { BENCH_BATCH = 1024 }; /* functions that wait on the stack to be kept, which is not timed */

/* A state that loads all files, some times over, and keeps what the first time gave. */
struct bench_state {
    lua_State *L;
    struct vm *vm;
    const struct bench_job *job;
    double *ns; /* by pass: per file */
    size_t kept;
    bool ready;
};

static void load_batch(lua_State *L, const struct bench_state *state, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (cached_load(L, state->vm, state->job->names[i], NULL) != LUA_OK)
            lua_error(L);
}

/* Moves the functions of a batch to the table at 2, or drops them. */
static void keep_batch(lua_State *L, bool keep, size_t from)
{
    for (int i = lua_gettop(L); keep && i > 2; i--) {
        lua_pushinteger(L, (lua_Integer)(from + (size_t)i - 2));
        lua_pushvalue(L, i);
        lua_rawset(L, 2);
    }
    lua_settop(L, 2);
}

/* Argument: struct bench_state. The collector rests between the passes' loads: its work is the same for all tiers. */
static int bench_passes(lua_State *L)
{
    struct bench_state *state = lua_touserdata(L, 1);
    size_t count = state->job->count, before;
    uint64_t asking = clock_cost();
    lua_createtable(L, (int)count, 0);
    if (!lua_checkstack(L, BENCH_BATCH + 8))
        return luaL_error(L, "no memory for the stack");
    lua_gc(L, LUA_GCSTOP, 0);
    before = counted_bytes(L);
    for (size_t pass = 0; pass < state->job->passes; pass++) {
        uint64_t ns = 0;
        for (size_t from = 0; from < count; from += BENCH_BATCH) {
            size_t to = count - from > BENCH_BATCH ? from + BENCH_BATCH : count;
            uint64_t start = busy_ns();
            load_batch(L, state, from, to);
            ns += busy_ns() - start - asking;
            keep_batch(L, pass == 0, from);
        }
        state->ns[pass] = (double)ns / (double)count;
        lua_gc(L, LUA_GCCOLLECT, 0); /* so that the next pass finds memory that was used before, as in a VM that lives */
        if (pass == 0)
            state->kept = counted_bytes(L) - before;
    }
    return 0;
}

/* A collection, so that only the loads are measured. */
static int bench_warm(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

static void begin_bench_state(struct bench_state *state, struct cache *cache, uint64_t id)
{
    state->vm = vm_new(cache, id, false);
    if (state->vm == NULL)
        return;
    state->vm->born = lua_ops[cache->lua]->newest_word();
    state->L = luaL_newstate();
    if (state->L == NULL)
        return;
    void *data;
    lua_Alloc allocate = lua_getallocf(state->L, &data);
    vm_attach(state->vm, state->L, allocate, data, counted_bytes(state->L));
    lua_setallocf(state->L, vm_allocate, state->vm);
    state->ready = protected_start(state->L, bench_warm, state) == LUA_OK;
}

static void end_bench_state(struct bench_state *state)
{
    end_bench_vm(state->L, state->vm);
}

/* All states are made before the first loads, so that those of one directly follow those of the other. */
static bool run_bench_loads(struct bench_job *job)
{
    struct bench_state *states = calloc(job->states, sizeof *states);
    bool done = states != NULL;
    for (size_t i = 0; done && i < job->states; i++) {
        states[i].job = job;
        states[i].ns = job->ns + i * job->passes;
        begin_bench_state(&states[i], job->cache, i + 1);
        done = states[i].ready;
    }
    for (size_t i = 0; done && i < job->states; i++) {
        done = protected_start(states[i].L, bench_passes, &states[i]) == LUA_OK;
        job->kept[i] = states[i].kept;
        if (!done && lua_isstring(states[i].L, -1))
            job->error = strdup(lua_tostring(states[i].L, -1));
    }
    for (size_t i = 0; states != NULL && i < job->states; i++)
        end_bench_state(&states[i]);
    free(states);
    return done;
}

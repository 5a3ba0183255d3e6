/* A miss: the file is compiled, by the stock loader or as it would, and stored. */
#pragma once

#include "cache/cache.h"
#include "cache/generation.h"
#include "cache/moonscope.h"
#include "cache/source.h"
#include "cache/tier.h"
#include "lua/clock.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/text.inc.h"
#include "lua/state.inc.h"

/* The stock loader. Binary chunks pass only where the embedder allows them, and the libraries of the VM do. */
static int stock_load(lua_State *L, const char *name, const char *mode, bool refuse_binary)
{
    if (refuse_binary)
        return load_text_file(L, name, mode);
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    (void)mode;
    return luaL_loadfile(L, name);
#else
    return luaL_loadfilex(L, name, mode);
#endif
}

static bool refuses_binary(const struct vm *vm)
{
    return !vm->cache->allow_binary || (vm->without & WITHOUT_BINARY) != 0;
}

/* Does the caller's mode accept what is stored? */
static bool mode_fits(const char *mode, bool binary)
{
    return mode == NULL || strchr(mode, binary ? 'b' : 't') != NULL;
}

static const char *read_source(lua_State *L, void *data, size_t *length)
{
    (void)L;
    return source_next(data, length);
}

/* Compiles a file that is open: from there when the stock loader would give Lua the very same text; else that loader does
   it, and the file is closed. */
static int load_opened(lua_State *L, struct source_reader *reader, const char *chunkname, const char *mode,
                       bool refuse_binary)
{
    if (reader->plain && mode_fits(mode, false)) {
        int status = load_any(L, read_source, reader, chunkname);
        if (!reader->failed)
            return status;
        lua_pop(L, 1);
    }
    source_close(reader); /* the stock loader raises an error when there is no memory for its chunk's name */
    return stock_load(L, chunkname + 1, mode, refuse_binary);
}

/* Makes the payload by the first tier that can hold the function. NULL: none can. */
static const struct tier *store_function(lua_State *L, const struct cache *cache, struct payload *payload)
{
    for (int i = 0; i < TIERS && cache->tiers[i] != NULL; i++)
        if (cache->tiers[i]->store(L, payload))
            return cache->tiers[i];
    return NULL;
}

/* Makes `payload` the file's generation, unless another VM was first, and pushes a function of the generation, so that
   all VMs run the same. False: nothing was pushed, though it may be stored. `own`: the caller has a function of its own,
   which will do unless the tier or the race wants another. Records the load when it is done with. */
static bool publish(lua_State *L, struct vm *vm, const struct key *key, const struct tier *tier, struct payload *payload,
                    const struct source *source, uint64_t start, uint64_t compile_ns, bool own)
{
    bool raced = false, pushed = false;
    vm_enter(vm);
    struct generation *generation = cache_publish(vm->cache, key, tier, payload, source, compile_ns, &raced);
    struct hold *hold = generation != NULL ? vm_hold(vm, generation) : NULL;
    if (generation != NULL && (!own || raced || generation->tier->pins) && (hold != NULL || !generation->tier->pins)) {
        pushed = generation->tier->push(L, vm, hold, &generation->payload, generation->file->chunkname) == LUA_OK;
        if (!pushed)
            lua_pop(L, 1);
    }
    bool recorded = generation != NULL && (pushed || (own && !raced));
    if (recorded)
        vm_record(vm, raced ? OUTCOME_RACE : OUTCOME_MISS, start, generation);
    vm_exit(vm);
    if (own && !recorded) /* the own function stays, and is no one else's */
        vm_record_key(vm, key, OUTCOME_BYPASS, start, NULL);
    return pushed;
}

struct donor_store {
    const struct cache *cache;
    const char *chunkname;
    struct source_reader *reader;
    bool refuse_binary;
    const struct tier *tier;
    struct payload payload;
    char *message; /* owned: the syntax error, which a VM would find too; NULL: none */
};

static int donor_store_body(lua_State *L)
{
    struct donor_store *job = lua_touserdata(L, 1);
    lua_gc(L, LUA_GCSTOP, 0); /* there is next to no garbage, and all of it goes with the state */
    int status = load_opened(L, job->reader, job->chunkname, NULL, job->refuse_binary);
    if (status == LUA_OK)
        job->tier = store_function(L, job->cache, &job->payload);
    else if (status == LUA_ERRRUN + 1) /* LUA_ERRSYNTAX */
        job->message = strdup(lua_tostring(L, -1));
    return 0;
}

static int push_text(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 1));
    return 1;
}

/* Pushes the donor's message, which is freed; returns Lua's status. */
static int push_message(lua_State *L, char *message)
{
    lua_pushcclosure(L, push_text, 0);
    lua_pushlightuserdata(L, message);
    int status = protected_call(L, 1, 1, 0);
    free(message);
    return status == LUA_OK ? LUA_ERRRUN + 1 : status;
}

/* Counts a load that found and stored nothing; on failure its message is on top. */
static void record_plain(lua_State *L, struct vm *vm, const struct key *key, int status, uint64_t start)
{
    vm_record_key(vm, key, status == LUA_OK ? OUTCOME_BYPASS : OUTCOME_ERROR, start,
                  status == LUA_OK ? NULL : lua_tostring(L, -1));
}

/* Compiles in a state of its own, stores, and pushes a function or the syntax error. False: nothing was pushed; the stock
   loader will tell why. The compiler works for this VM, so it may hold what the VM may: otherwise a huge file would get
   the memory that the cap denies. */
static bool load_by_donor(lua_State *L, struct vm *vm, const struct key *key, const char *chunkname,
                          const struct source *source, struct source_reader *reader, uint64_t start, int *status)
{
    struct donor_store job = {vm->cache, chunkname, reader, refuses_binary(vm), NULL, {0}, NULL};
    bool done = in_donor(donor_store_body, &job, vm->cap, NULL);
    if (done && job.message != NULL) {
        *status = push_message(L, job.message);
        record_plain(L, vm, key, *status, start);
        return true;
    }
    if (!done || job.tier == NULL)
        return false;
    if (!source_unchanged(key->text, source, reader)) {
        job.tier->release(&job.payload);
        return false;
    }
    *status = LUA_OK;
    return publish(L, vm, key, job.tier, &job.payload, source, start, elapsed_ns(start), false);
}

/* The function on top of the stack, just compiled, is stored. */
static void store(lua_State *L, struct vm *vm, const struct key *key, const struct source *source,
                  const struct source_reader *reader, uint64_t start)
{
    struct payload payload = {0};
    uint64_t compile_ns = elapsed_ns(start);
    int own = lua_gettop(L);
    bool unchanged = source_unchanged(key->text, source, reader);
    const struct tier *tier = unchanged ? store_function(L, vm->cache, &payload) : NULL;
    if (tier == NULL)
        vm_record_key(vm, key, OUTCOME_BYPASS, start, NULL);
    else if (publish(L, vm, key, tier, &payload, source, start, compile_ns, true))
        move_top(L, own);
}

/* Compiles with the stock loader. `key` may be NULL (standard input). */
static int load_stock(lua_State *L, struct vm *vm, const struct key *key, const char *mode, uint64_t start)
{
    int status = stock_load(L, key != NULL ? key->text : NULL, mode, refuses_binary(vm));
    record_plain(L, vm, key, status, start);
    return status;
}

/* Of an "@", a name and its NUL. No longer name can be opened (PATH_MAX), so the stock loader may refuse it. */
enum { CHUNKNAME_ROOM = 4098 };

/* Compiles, and stores what came from a regular file. */
static int load_and_store(lua_State *L, struct vm *vm, const struct key *key, const char *mode, uint64_t start)
{
    struct source source;
    struct source_reader reader;
    char chunkname[CHUNKNAME_ROOM];
    int status = LUA_OK;
    bool donor = vm->cache->tiers[0]->donor;
    chunkname[0] = '@';
    memcpy(chunkname + 1, key->text, key->length + 1);
    source_open(key->text, &source, &reader);
    bool fits = source.regular && mode_fits(mode, source.binary);
    if (!fits || !donor || !load_by_donor(L, vm, key, chunkname, &source, &reader, start, &status)) {
        status = load_opened(L, &reader, chunkname, mode, refuses_binary(vm));
        if (status == LUA_OK && fits && !donor)
            store(L, vm, key, &source, &reader, start);
        else
            record_plain(L, vm, key, status, start);
    }
    source_close(&reader);
    return status;
}

/* Work in a fresh state that is closed right after: dumping, measuring, compiling a file that is not stored. */
#pragma once

#include <dlfcn.h>

#include "cache/tier.h"
#include "lua/lua.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/bytecode.inc.h"
#include "lua/state.inc.h"
#include "lua/miss.inc.h"
#if LUA_VERSION_NUM >= 504
#include "lua/vocabulary.inc.h"
#endif

struct donation {
    const struct tier *tier;
    const struct payload *payload;
    const char *chunkname;
    struct payload dump;
};

struct batch {
    struct measurement *items;
    size_t count;
    const struct payload *plain; /* dumps of the items, to be loaded plainly; NULL: load each by its tier */
};

static int dump_body(lua_State *L)
{
    struct donation *donation = lua_touserdata(L, 1);
    struct hold hold = {0};
    if (donation->tier->push(L, NULL, &hold, donation->payload, donation->chunkname) != LUA_OK)
        return lua_error(L);
    bytecode_store(L, &donation->dump);
    return 0;
}

static char *dump_payload(const struct tier *tier, const struct payload *payload, const char *chunkname, size_t *length)
{
    struct donation donation = {tier, payload, chunkname, {0}};
    in_donor(dump_body, &donation, 0, NULL);
    *length = donation.dump.size;
    return donation.dump.data;
}

static void hide_words(lua_State *L)
{
#if LUA_VERSION_NUM >= 504
    atomic_store(&vocabulary.unasked, L);
#else
    (void)L;
#endif
}

/* What each load adds to a state that has the standard libraries and keeps what was loaded before: strings that several
   files have in common are counted once, as in a VM that loads them all. The collector rests, so every byte that is
   counted is held; undumping and cloning leave next to no garbage. Argument: the batch. */
static int measure_body(lua_State *L)
{
    struct batch *batch = lua_touserdata(L, 1);
    open_libraries(L);
    lua_settop(L, 1);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    if (!lua_checkstack(L, 2 * (int)batch->count + 8))
        return luaL_error(L, "stack overflow");
    for (size_t i = 0; i < batch->count; i++) {
        struct measurement *item = &batch->items[i];
        struct hold hold = {0};
        const struct tier *tier = batch->plain != NULL ? &bytecode : item->tier;
        const struct payload *payload = batch->plain != NULL ? &batch->plain[i] : item->payload;
        size_t before = counted_bytes(L);
        if (tier->push(L, NULL, &hold, payload, item->chunkname) != LUA_OK)
            return lua_error(L);
        *(batch->plain != NULL ? &item->unshared : &item->private) = counted_bytes(L) - before;
        if (tier->on_conflict != NULL) {
            struct hold another = {0};
            before = counted_bytes(L);
            if (tier->on_conflict->push(L, NULL, &another, payload, item->chunkname) != LUA_OK)
                return lua_error(L);
            item->on_conflict = counted_bytes(L) - before;
        }
    }
    return 0;
}

/* Without the cache there would be no frozen words. A state that had some and gets no more may have a string twice, so it
   runs nothing. That it is hidden ends before it does: the next state may have its address. */
static int measure_without_words(lua_State *L)
{
    lua_pushcclosure(L, measure_body, 0);
    lua_pushvalue(L, 1);
    hide_words(L);
    int status = protected_call(L, 1, 0, 0);
    hide_words(NULL);
    return status == LUA_OK ? 0 : lua_error(L);
}

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static bool measure_plainly(struct batch *batch)
{
    pthread_mutex_lock(&one_at_a_time);
    bool done = in_donor(measure_without_words, batch, 0, NULL);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

static bool measure(struct measurement *items, size_t count)
{
    struct payload *dumps = calloc(count, sizeof *dumps);
    struct batch batch = {items, count, NULL};
    bool done = dumps != NULL && count > 0 && in_donor(measure_body, &batch, 0, NULL);
    for (size_t i = 0; done && i < count; i++) {
        dumps[i].data = dump_payload(items[i].tier, items[i].payload, items[i].chunkname, &dumps[i].size);
        done = dumps[i].data != NULL;
    }
    batch.plain = dumps;
    done = done && measure_plainly(&batch);
    for (size_t i = 0; dumps != NULL && i < count; i++)
        free(dumps[i].data);
    free(dumps);
    return done;
}

struct compilation {
    const char *name;
    bool allow_binary;
    struct payload payload;
    bool done;
};

static int compile_body(lua_State *L)
{
    struct compilation *job = lua_touserdata(L, 1);
    if (stock_load(L, job->name, NULL, !job->allow_binary) != LUA_OK)
        return lua_error(L);
    job->done = bytecode_store(L, &job->payload);
    return 0;
}

static bool compile(const char *name, bool allow_binary, struct payload *payload, char **error)
{
    struct compilation job = {name, allow_binary, {0}, false};
    *error = NULL;
    in_donor(compile_body, &job, 0, error);
    *payload = job.payload;
    return job.done;
}

#ifdef LUAJIT
/* jit.version tells it; the library must be opened for that. Argument: luaopen_jit. Returns the text, or raises. */
static int read_version(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushlstring(L, "jit", 3);
    plain_call(L, 1, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "jit");
    lua_getfield(L, -1, "version");
    return 1;
}

static void read_release(void *library, char *release, size_t size)
{
    lua_CFunction open;
    *(void **)&open = dlsym(library, "luaopen_jit");
    lua_State *L = open != NULL ? luaL_newstate() : NULL;
    if (L == NULL)
        return;
    lua_pushcclosure(L, read_version, 0);
    lua_pushcclosure(L, open, 0);
    if (protected_call(L, 1, 1, 0) == LUA_OK && lua_isstring(L, -1))
        snprintf(release, size, "%s", lua_tostring(L, -1));
    lua_close(L);
}
#else
/* lua_ident is "$LuaVersion: Lua 5.4.8  Copyright …", in 5.1 "$Lua: Lua 5.1.5 Copyright …". */
static void read_release(void *library, char *release, size_t size)
{
    const char *ident = dlsym(library, "lua_ident");
    const char *found = ident != NULL ? strstr(ident, ": Lua ") : NULL;
    if (found != NULL)
        snprintf(release, size, "%.*s", (int)(4 + strcspn(found + 6, " ")), found + 2);
}
#endif

static char *release_string(void *library)
{
    char release[64] = "Lua";
    read_release(library, release, sizeof release);
    return strdup(release);
}

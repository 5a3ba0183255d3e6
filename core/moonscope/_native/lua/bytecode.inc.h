/* Tier `bytecode`: dump once, undump per VM. Works on every Lua; the payload is only read during a load. */
#pragma once

#include "cache/tier.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#if LUA_VERSION_NUM >= 504
#include "lua/hooks.inc.h"
#endif

struct dump {
    char *bytes;
    size_t length, room;
};

static int write_dump(lua_State *L, const void *bytes, size_t length, void *data)
{
    struct dump *dump = data;
    (void)L;
    if (length > dump->room - dump->length) {
        size_t room = dump->room + length + dump->room / 2 + 512;
        char *larger = realloc(dump->bytes, room);
        if (larger == NULL)
            return 1;
        dump->bytes = larger;
        dump->room = room;
    }
    if (length > 0)
        memcpy(dump->bytes + dump->length, bytes, length);
    dump->length += length;
    return 0;
}

#if LUA_VERSION_NUM >= 505
/* Dumping allocates here (it numbers repeated strings), so it may raise. */
static int dump_argument(lua_State *L)
{
    struct dump *dump = lua_touserdata(L, 1);
    lua_pushboolean(L, dump_chunk(L, write_dump, dump) == 0);
    return 1;
}

static bool dump_function(lua_State *L, struct dump *dump)
{
    int function = lua_gettop(L);
    lua_pushcclosure(L, dump_argument, 0);
    lua_pushlightuserdata(L, dump);
    lua_pushvalue(L, function);
    struct hooks hooks = hooks_off(L);
    bool done = protected_call(L, 2, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    hooks_on(L, &hooks);
    lua_settop(L, function);
    return done;
}
#else
static bool dump_function(lua_State *L, struct dump *dump)
{
    return dump_chunk(L, write_dump, dump) == 0;
}
#endif

static bool bytecode_store(lua_State *L, struct payload *payload)
{
    struct dump dump = {NULL, 0, 0};
    if (!dump_function(L, &dump) || dump.length == 0) {
        free(dump.bytes);
        return false;
    }
    char *exact = realloc(dump.bytes, dump.length);
    payload->data = exact != NULL ? exact : dump.bytes;
    payload->size = dump.length;
    return true;
}

struct whole {
    const void *bytes;
    size_t length;
};

static const char *read_whole(lua_State *L, void *data, size_t *length)
{
    struct whole *whole = data;
    (void)L;
    *length = whole->length;
    whole->length = 0;
    return *length > 0 ? whole->bytes : NULL;
}

static int bytecode_push(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload,
                         const char *chunkname)
{
    (void)vm;
    (void)hold;
    struct whole whole = {payload->data, payload->size};
    return load_chunk(L, read_whole, &whole, chunkname);
}

static void bytecode_release(struct payload *payload)
{
    free(payload->data);
    payload->data = NULL;
}

static const struct tier bytecode = {
    .name = "bytecode",
    .pins = false,
    .store = bytecode_store,
    .push = bytecode_push,
    .release = bytecode_release,
};

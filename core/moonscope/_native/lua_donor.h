/* Work in a fresh state that is closed right after: dumping, measuring, compiling a file that is not stored. */

struct donation {
    const struct tier *tier;
    const struct payload *payload;
    const char *chunkname;
    uint64_t bytes;
    struct payload dump;
};

static int measure_body(lua_State *L)
{
    struct donation *donation = lua_touserdata(L, 1);
    struct hold hold = {0};
    if (donation->tier->warm != NULL && donation->tier->warm(L) != LUA_OK)
        return lua_error(L);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    size_t before = counted_bytes(L);
    if (donation->tier->push(L, NULL, &hold, donation->payload, donation->chunkname) != LUA_OK)
        return lua_error(L);
    lua_gc(L, LUA_GCCOLLECT, 0);
    size_t after = counted_bytes(L);
    donation->bytes = after > before ? after - before : 0;
    return 0;
}

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
    struct donation donation = {tier, payload, chunkname, 0, {NULL, 0}};
    in_donor(dump_body, &donation, NULL);
    *length = donation.dump.size;
    return donation.dump.data;
}

static bool measure(const struct tier *tier, const struct payload *payload, const char *chunkname, uint64_t *unshared,
                    uint64_t *private)
{
    struct donation own = {tier, payload, chunkname, 0, {NULL, 0}};
    bool done = in_donor(measure_body, &own, NULL);
    *private = *unshared = own.bytes;
    if (done && tier != &bytecode) {
        struct payload dump = {NULL, 0};
        dump.data = dump_payload(tier, payload, chunkname, &dump.size);
        struct donation plain = {&bytecode, &dump, chunkname, 0, {NULL, 0}};
        done = dump.data != NULL && in_donor(measure_body, &plain, NULL);
        *unshared = plain.bytes;
        free(dump.data);
    }
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
    struct compilation job = {name, allow_binary, {NULL, 0}, false};
    *error = NULL;
    in_donor(compile_body, &job, error);
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

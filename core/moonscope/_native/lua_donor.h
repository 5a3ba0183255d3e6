/* Work in a fresh state that is closed right after: measuring a dump, compiling a file that is not stored. */

struct measurement {
    const struct payload *payload;
    const char *chunkname;
    uint64_t bytes;
};

/* Raises when there is no memory, so it is called protected. Argument: struct measurement. */
static int measure_body(lua_State *L)
{
    struct measurement *measurement = lua_touserdata(L, 1);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    size_t before = counted_bytes(L);
    if (bytecode_push(L, measurement->payload, measurement->chunkname) != LUA_OK)
        return lua_error(L);
    lua_gc(L, LUA_GCCOLLECT, 0);
    size_t after = counted_bytes(L);
    measurement->bytes = after > before ? after - before : 0;
    return 0;
}

static uint64_t measure(const struct payload *payload, const char *chunkname)
{
    struct measurement measurement = {payload, chunkname, 0};
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return 0;
    lua_pushcclosure(L, measure_body, 0);
    lua_pushlightuserdata(L, &measurement);
    if (protected_call(L, 1, 0, 0) != LUA_OK)
        measurement.bytes = 0;
    lua_close(L);
    return measurement.bytes;
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
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return false;
    lua_pushcclosure(L, compile_body, 0);
    lua_pushlightuserdata(L, &job);
    if (protected_call(L, 1, 0, 0) != LUA_OK && lua_isstring(L, -1))
        *error = strdup(lua_tostring(L, -1));
    lua_close(L);
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

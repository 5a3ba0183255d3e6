/* loadfile and dofile through the cache, and the module `codecache`. Results, error texts and arguments are the stock
   functions': whatever the cache does not serve is done by the stock loader of this Lua.

   Every function here has the VM as its first upvalue. */

static struct vm *own_vm(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* The stock loader. Binary chunks pass only where the embedder allows them: malformed ones can crash any Lua. */
static int stock_load(lua_State *L, const char *name, const char *mode, bool refuse_binary)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    (void)mode;
    if (refuse_binary) {
        struct source source;
        source_probe(name, &source);
        if (source.regular && source.binary) {
            lua_pushstring(L, "attempt to load a binary chunk (mode is 't')");
            return LUA_ERRRUN + 1; /* LUA_ERRSYNTAX */
        }
    }
    return luaL_loadfile(L, name);
#else
    if (refuse_binary)
        mode = mode == NULL || strchr(mode, 't') != NULL ? "t" : mode;
    return luaL_loadfilex(L, name, mode);
#endif
}

/* Does the caller's mode accept what is stored? */
static bool mode_fits(const char *mode, bool binary)
{
    return mode == NULL || strchr(mode, binary ? 'b' : 't') != NULL;
}

/* Serves from the cache; false: nothing was pushed, load it otherwise. */
static bool load_stored(lua_State *L, struct vm *vm, struct file *file, const char *mode, uint64_t start, int *status)
{
    vm_enter(vm);
    struct generation *generation = atomic_load(&file->current);
    if (generation == NULL || !mode_fits(mode, generation->binary)) {
        vm_exit(vm);
        return false;
    }
    struct hold *hold = vm_hold(vm, generation);
    if (hold == NULL && generation->tier->pins) { /* no memory to say that this VM needs it from now on */
        vm_exit(vm);
        return false;
    }
    *status = generation->tier->push(L, vm, hold, &generation->payload, file->chunkname);
    bool ok = *status == LUA_OK;
    if (ok && hold != NULL)
        hold_count_hit(hold);
    else if (ok)
        atomic_fetch_add_explicit(&file->loads[OUTCOME_HIT], 1, memory_order_relaxed);
    vm_record(vm, file, ok ? OUTCOME_HIT : OUTCOME_ERROR, start, ok ? generation : NULL);
    vm_exit(vm);
    return true;
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
static bool publish(lua_State *L, struct vm *vm, struct file *file, const struct tier *tier, struct payload *payload,
                    const struct source *source, uint64_t start, uint64_t compile_ns, bool own)
{
    bool raced = false, pushed = false;
    vm_enter(vm);
    struct generation *generation = cache_publish(vm->cache, file, tier, payload, source, compile_ns, &raced);
    struct hold *hold = generation != NULL ? vm_hold(vm, generation) : NULL;
    if (generation != NULL && (!own || raced || generation->tier->pins) && (hold != NULL || !generation->tier->pins)) {
        pushed = generation->tier->push(L, vm, hold, &generation->payload, file->chunkname) == LUA_OK;
        if (!pushed)
            lua_pop(L, 1);
    }
    if (generation != NULL && (pushed || (own && !raced)))
        vm_record(vm, file, raced ? OUTCOME_RACE : OUTCOME_MISS, start, generation);
    else if (own) /* the own function stays, and is no one else's */
        vm_record(vm, file, OUTCOME_BYPASS, start, NULL);
    vm_exit(vm);
    return pushed;
}

struct donor_store {
    const struct cache *cache;
    const char *name;
    const struct tier *tier;
    struct payload payload;
};

static int donor_store_body(lua_State *L)
{
    struct donor_store *job = lua_touserdata(L, 1);
    if (stock_load(L, job->name, NULL, !job->cache->allow_binary) != LUA_OK)
        return lua_error(L);
    job->tier = store_function(L, job->cache, &job->payload);
    return 0;
}

/* Compiles in a state of its own, stores, and pushes. False: nothing was pushed; the stock loader will tell why. */
static bool load_by_donor(lua_State *L, struct vm *vm, struct file *file, const struct source *source, uint64_t start)
{
    struct donor_store job = {vm->cache, file->key, NULL, {0}};
    if (!in_donor(donor_store_body, &job, NULL) || job.tier == NULL)
        return false;
    if (!source_unchanged(file->key, source)) {
        job.tier->release(&job.payload);
        return false;
    }
    return publish(L, vm, file, job.tier, &job.payload, source, start, elapsed_ns(start), false);
}

/* The function on top of the stack, just compiled by the stock loader, is stored. */
static void store(lua_State *L, struct vm *vm, struct file *file, const struct source *source, uint64_t start)
{
    struct payload payload = {0};
    uint64_t compile_ns = elapsed_ns(start);
    int own = lua_gettop(L);
    const struct tier *tier = source_unchanged(file->key, source) ? store_function(L, vm->cache, &payload) : NULL;
    if (tier == NULL)
        vm_record(vm, file, OUTCOME_BYPASS, start, NULL);
    else if (publish(L, vm, file, tier, &payload, source, start, compile_ns, true))
        move_top(L, own);
}

/* Compiles with the stock loader. `file` may be NULL (no key can be remembered). */
static int load_stock(lua_State *L, struct vm *vm, struct file *file, const char *name, const char *mode, uint64_t start)
{
    struct cache *cache = vm->cache;
    struct source source;
    bool may_store = file != NULL && cache->tiers[0] != NULL &&
                     atomic_load_explicit(&vm->mode, memory_order_relaxed) == MODE_ON;
    if (may_store)
        source_probe(name, &source);
    may_store = may_store && source.regular;
    if (may_store && cache->tiers[0]->donor && mode_fits(mode, source.binary) && load_by_donor(L, vm, file, &source, start))
        return LUA_OK;
    int status = stock_load(L, name, mode, !cache->allow_binary);
    if (status != LUA_OK) {
        if (file != NULL)
            cache_note_error(cache, file, lua_tostring(L, -1));
        vm_record(vm, file, OUTCOME_ERROR, start, NULL);
        return status;
    }
    if (file != NULL && atomic_load_explicit(&file->failing, memory_order_relaxed))
        cache_note_error(cache, file, NULL);
    if (may_store && !cache->tiers[0]->donor)
        store(L, vm, file, &source, start);
    else
        vm_record(vm, file, OUTCOME_BYPASS, start, NULL);
    return LUA_OK;
}

/* Pushes the function of a file, or an error message; returns Lua's status. */
static int cached_load(lua_State *L, struct vm *vm, const char *name, size_t length, const char *mode)
{
    uint64_t start = ticks_now();
    int status;
    if (name == NULL) { /* standard input */
        status = stock_load(L, NULL, mode, !vm->cache->allow_binary);
        vm_record(vm, NULL, status == LUA_OK ? OUTCOME_BYPASS : OUTCOME_ERROR, start, NULL);
        return status;
    }
    length = strlen(name); /* as the stock loader reads it: up to the first NUL */
    uint64_t hash = index_hash(name, length);
    bool off = atomic_load_explicit(&vm->mode, memory_order_relaxed) == MODE_OFF;
    struct file *file = index_find(&vm->cache->index, hash, name, length);
    if (file != NULL && !off && load_stored(L, vm, file, mode, start, &status))
        return status;
    if (file == NULL)
        file = cache_file(vm->cache, hash, name, length);
    return load_stock(L, vm, file, name, mode, start);
}

static int loadfile_result(lua_State *L, int status, int environment)
{
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_pushvalue(L, -2);
        return 2;
    }
#if LUA_VERSION_NUM == 501
    if (environment != 0 && lua_type(L, environment) == LUA_TTABLE) {
        lua_pushvalue(L, environment);
        lua_setfenv(L, -2);
    }
#else
    if (environment != 0) {
        lua_pushvalue(L, environment);
        if (lua_setupvalue(L, -2, 1) == NULL)
            lua_pop(L, 1);
    }
#endif
    return 1;
}

static int cached_loadfile(lua_State *L)
{
    size_t length = 0;
    const char *name = luaL_optlstring(L, 1, NULL, &length);
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    const char *mode = NULL;
    int environment = 0;
#else
    const char *mode = luaL_optlstring(L, 2, NULL, NULL);
    int environment = lua_isnone(L, 3) ? 0 : 3;
#endif
    return loadfile_result(L, cached_load(L, own_vm(L), name, length, mode), environment);
}

#if LUA_VERSION_NUM >= 503
static int finish_dofile(lua_State *L, int status, lua_Context context)
{
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}
#else
static int finish_dofile(lua_State *L)
{
    return lua_gettop(L) - 1;
}
#endif

static int cached_dofile(lua_State *L)
{
    size_t length = 0;
    const char *name = luaL_optlstring(L, 1, NULL, &length);
    lua_settop(L, 1);
    if (cached_load(L, own_vm(L), name, length, NULL) != LUA_OK)
        return lua_error(L);
#if LUA_VERSION_NUM == 501
    lua_call(L, 0, LUA_MULTRET);
    return finish_dofile(L);
#elif LUA_VERSION_NUM == 502
    lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
    return finish_dofile(L);
#else
    lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
    return finish_dofile(L, LUA_OK, 0);
#endif
}

static int codecache_clear(lua_State *L)
{
    struct cleared report;
    if (!cache_clear(own_vm(L)->cache, NULL, NULL, -1, false, &report))
        return luaL_error(L, "not enough memory");
    free(report.vms);
    return 0;
}

/* skynet's: without an argument the mode by name, with one it is set. */
static int codecache_mode(lua_State *L)
{
    static const char *const names[] = {"ON", "EXIST", "OFF", NULL};
    struct vm *vm = own_vm(L);
    if (lua_isnoneornil(L, 1)) {
        lua_pushstring(L, names[atomic_load(&vm->mode)]);
        return 1;
    }
    atomic_store(&vm->mode, luaL_checkoption(L, 1, NULL, names));
    return 0;
}

static void push_method(lua_State *L, struct vm *vm, lua_CFunction function)
{
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, function, 1);
}

static int open_codecache(lua_State *L)
{
    struct vm *vm = own_vm(L);
    lua_createtable(L, 0, 3);
    push_method(L, vm, codecache_clear);
    lua_setfield(L, -2, "clear");
    push_method(L, vm, codecache_mode);
    lua_setfield(L, -2, "mode");
    push_method(L, vm, cached_loadfile);
    lua_setfield(L, -2, "loadfile");
    return 1;
}

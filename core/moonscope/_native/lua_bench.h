/* Measurements that only C can make: what a hit costs against a bare undump of the same bytes, and what its counters
   and events cost. Speed is compared within a round, never with a clock of another run. */

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
    struct file *file = index_find(&vm->cache->index, index_hash(name, length), name, length);
    vm_enter(vm);
    struct generation *generation = atomic_load(&file->current);
    generation->tier->push(L, vm, vm_find_hold(vm, generation->slot), &generation->payload, file->chunkname);
    vm_exit(vm);
}

static void bare_undump(lua_State *L, struct vm *vm, const char *name)
{
    size_t length = strlen(name);
    struct file *file = index_find(&vm->cache->index, index_hash(name, length), name, length);
    struct generation *generation = atomic_load(&file->current);
    bytecode_push(L, NULL, NULL, &generation->payload, file->chunkname);
}

static void full_hit(lua_State *L, struct vm *vm, const char *name)
{
    cached_load(L, vm, name, strlen(name), NULL);
}

/* ns per file of one pass over all names. The collector rests meanwhile: its work is the same for all. */
static double one_pass(lua_State *L, const struct bench *bench, void (*load)(lua_State *, struct vm *, const char *))
{
    int top = lua_gettop(L);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    uint64_t start = monotonic_ns();
    for (size_t i = 0; i < bench->stored; i++) {
        load(L, bench->vm, bench->names[i]);
        lua_settop(L, top);
    }
    double ns = (double)(monotonic_ns() - start) / (double)bench->stored;
    lua_gc(L, LUA_GCRESTART, 0);
    return ns;
}

/* Argument: struct bench. Names that do not load are moved behind the others first. */
static int bench_body(lua_State *L)
{
    struct bench *bench = lua_touserdata(L, 1);
    const char **names = (const char **)bench->names;
    for (size_t i = 0; i < bench->count; i++) {
        if (cached_load(L, bench->vm, names[i], strlen(names[i]), NULL) == LUA_OK) {
            const char *name = names[i];
            names[i] = names[bench->stored];
            names[bench->stored++] = name;
        }
        lua_settop(L, 1);
    }
    for (size_t i = 0; bench->stored > 0 && i < bench->rounds; i++) {
        bench->out[i].bare_ns = one_pass(L, bench, bare_undump);
        bench->out[i].hit_ns = one_pass(L, bench, full_hit);
        bench->out[i].quiet_ns = one_pass(L, bench, quiet_hit);
    }
    return 0;
}

static size_t run_bench(struct cache *cache, const char **names, size_t count, size_t rounds, struct bench_round *out)
{
    struct vm *vm = vm_new(cache, 0, false);
    lua_State *L = luaL_newstate();
    struct bench bench = {vm, names, count, rounds, out, 0};
    if (vm != NULL && L != NULL) {
        void *data;
        lua_Alloc allocate = lua_getallocf(L, &data);
        vm_attach(vm, L, allocate, data, counted_bytes(L)); /* the state keeps its allocator: only the record is needed */
        lua_pushcclosure(L, bench_body, 0);
        lua_pushlightuserdata(L, &bench);
        if (protected_call(L, 1, 0, 0) != LUA_OK)
            bench.stored = 0;
    }
    if (L != NULL)
        lua_close(L);
    if (vm != NULL) {
        vm_detach(vm);
        vm_release(vm);
    }
    return bench.stored;
}

/* Joining a Lua state and its VM record: `package.loadlib(library, entry)(token)`, which reaches C with the real
   lua_State in every Lua, by documented means only. */

#ifdef LUAJIT
/* LuaJIT frees its whole heap at once when it is closed with the allocator it was made with, so the end cannot be seen
   there; a finalizer on a userdata in the registry tells that it begins, and the allocator is given back. */
static int state_ends(lua_State *L)
{
    struct vm *vm = own_vm(L);
    if (!atomic_load(&vm->closed))
        lua_setallocf(L, vm->allocate, vm->allocate_data);
    vm_detach(vm);
    return 0;
}

static void detach(struct vm *vm)
{
    (void)vm; /* state_ends does it: the state may outlive its owner's wish, when objects of it are still held */
}

static void watch_end(lua_State *L, struct vm *vm)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "_G");
    lua_getfield(L, -1, "newproxy"); /* LuaJIT's and 5.1's own way to make an empty userdata */
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushboolean(L, 1);
        plain_call(L, 1, 1);
        lua_getmetatable(L, -1);
        push_method(L, vm, state_ends);
        lua_setfield(L, -2, "__gc");
        lua_pop(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "moonscope.end");
    }
}
#else
static void detach(struct vm *vm)
{
    (void)vm; /* the allocator sees the end */
}

static void watch_end(lua_State *L, struct vm *vm)
{
    (void)L;
    (void)vm;
}
#endif

static lua_State *main_thread(lua_State *L)
{
#if LUA_VERSION_NUM >= 502
    lua_pushinteger(L, 1); /* LUA_RIDX_MAINTHREAD */
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main != NULL ? main : L;
#else
    return L;
#endif
}

static void set_preload(lua_State *L, struct vm *vm, int package, const char *name)
{
    lua_getfield(L, package, "preload");
    if (lua_type(L, -1) == LUA_TTABLE) {
        push_method(L, vm, open_codecache);
        lua_setfield(L, -2, name);
    }
    lua_settop(L, package);
}

/* The cached loaders; every attached VM gets them. */
static void install_loaders(lua_State *L, struct vm *vm, int loaded, int globals)
{
    push_method(L, vm, cached_loadfile);
    lua_setfield(L, globals, "loadfile");
    push_method(L, vm, cached_dofile);
    lua_setfield(L, globals, "dofile");
    lua_getfield(L, loaded, "package");
    if (lua_type(L, -1) == LUA_TTABLE) {
        replace_searcher(L, vm);
        set_preload(L, vm, lua_gettop(L), "codecache");
        set_preload(L, vm, lua_gettop(L), "skynet.codecache");
    }
    lua_settop(L, globals);
}

/* What a VM of the pool gets besides. */
static void install_console(lua_State *L, struct vm *vm, int loaded, int globals)
{
    push_method(L, vm, captured_print);
    lua_setfield(L, globals, "print");
    lua_getfield(L, loaded, "io");
    if (lua_type(L, -1) == LUA_TTABLE)
        capture_io(L, vm);
    lua_settop(L, globals);
    lua_getfield(L, loaded, "os");
    if (lua_type(L, -1) == LUA_TTABLE) {
        push_method(L, vm, captured_exit);
        lua_setfield(L, -2, "exit");
    }
    lua_settop(L, globals);
    lua_getfield(L, loaded, "coroutine");
    if (lua_type(L, -1) == LUA_TTABLE)
        track_coroutines(L, vm);
    lua_settop(L, globals);
    /* lupa's bridge: scripts of a VM have no business in the host's Python. */
    lua_pushnil(L);
    lua_setfield(L, globals, "python");
    lua_pushnil(L);
    lua_setfield(L, loaded, "python");
}

static void install_registry(lua_State *L, struct vm *vm, int loaded)
{
    lua_pushlightuserdata(L, (void *)&vm_key);
    lua_pushlightuserdata(L, vm);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, (void *)&kept_key);
    lua_createtable(L, 0, 0);
    lua_rawset(L, LUA_REGISTRYINDEX);
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    int top = lua_gettop(L);
    lua_getfield(L, loaded, "debug");
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_getfield(L, -1, "traceback");
        lua_setfield(L, LUA_REGISTRYINDEX, "moonscope.traceback");
    }
    lua_settop(L, top);
#else
    (void)loaded;
#endif
}

static int install(lua_State *L)
{
    struct vm *vm = own_vm(L);
    lua_settop(L, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, 1, "_G");
    watch_end(L, vm);
    lua_settop(L, 2);
    install_registry(L, vm, 1);
    install_loaders(L, vm, 1, 2);
    if (!vm->managed)
        return 0;
    install_console(L, vm, 1, 2);
    push_method(L, vm, execute);
    push_method(L, vm, load_names);
    push_method(L, vm, collect);
    return 3;
}

#define ENTRY_NAME(tag) PASTE_ENTRY(tag)
#define PASTE_ENTRY(tag) moonscope_attach_##tag

/* Argument: the token of Cache.prepare. */
__attribute__((visibility("default"))) int ENTRY_NAME(LUA_TAG)(lua_State *L)
{
    struct vm *vm = pending_take(luaL_checklstring(L, 1, NULL));
    if (vm == NULL)
        return luaL_error(L, "moonscope: no VM waits for this token");
    void *data = NULL;
    lua_Alloc allocate = lua_getallocf(L, &data);
    vm_attach(vm, main_thread(L), allocate, data, counted_bytes(L));
    lua_setallocf(L, vm_allocate, vm);
    vm_release(vm); /* the attached state has its own reference now */
    lua_settop(L, 0);
    push_method(L, vm, install);
    plain_call(L, 0, LUA_MULTRET);
    return lua_gettop(L);
}

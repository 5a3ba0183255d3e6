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
/* The allocator sees the end. */
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
    lua_pushlightuserdata(L, (void *)&vm_key);
    lua_pushlightuserdata(L, vm);
    lua_rawset(L, LUA_REGISTRYINDEX);
    watch_end(L, vm);
    lua_settop(L, 0);
    if (!vm->managed) {
        install(L, vm);
        vm->installed = true;
    }
    return 0;
}

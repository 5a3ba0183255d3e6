/* What is kept in a state's registry; above all its VM record, for code that has no upvalue to find it by. */

/* Their addresses are registry keys. */
#if LUA_VERSION_NUM >= 504
static const char factory_key; /* of the function that makes closures (lua_factory.h) */
static const char quiet_key;   /* of the coroutine that has no hook (lua_hooks.h) */
static const char graft_key;   /* of what a VM has of its newest graft, which keeps the older ones */
#endif
static const char vm_key;   /* of the VM */
static const char globals_key, tostring_key; /* 5.1 – 5.3: the globals, the stock tostring */
static const char codecache_key; /* of the module's table, once it was required */
static const char kept_key; /* of the table name → function that `load` keeps */

static struct vm *registered_vm(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&vm_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct vm *vm = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return vm;
}

#if LUA_VERSION_NUM < 504
static void get_kept(lua_State *L, const char *key)
{
    lua_pushlightuserdata(L, (void *)key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}
#endif

/* The VM record of a state, for code that has no upvalue to find it by. */

static const char vm_key; /* its address is the registry key of the VM */

static struct vm *registered_vm(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&vm_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct vm *vm = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return vm;
}

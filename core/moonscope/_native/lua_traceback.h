/* Where a run was when it failed or was ended. */

/* Level 0 is the function that runs. */
static void push_traceback(lua_State *L, int level)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    lua_getfield(L, LUA_REGISTRYINDEX, "moonscope.traceback");
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushlstring(L, "", 0);
        lua_pushinteger(L, level + 1);
        plain_call(L, 2, 1);
    }
#else
    luaL_traceback(L, L, NULL, level);
#endif
}

#ifndef LUAJIT
/* In a hook, which is no function of its own: level 0 is what was interrupted. */
static void keep_interruption(lua_State *L, struct vm *vm, const char *text)
{
    if (vm->told || !lua_checkstack(L, 8))
        return;
    vm->told = true;
    int top = lua_gettop(L);
    size_t length = 0;
    push_traceback(L, 0);
    const char *traceback = lua_tolstring(L, -1, &length);
    vm_set_failure(vm, text, strlen(text), traceback, traceback == NULL ? 0 : length);
    lua_settop(L, top);
}
#endif

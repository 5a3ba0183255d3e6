/* Calls that no hook of a script sees, as it sees nothing of what the stock loader does inside. Our own hooks stay: a loop
   that only loads must still use up its budget, and end when it is told to. */

static void budget_hook(lua_State *L, lua_Debug *activation);
static void stop_hook(lua_State *L, lua_Debug *activation);

struct hooks {
    lua_Hook hook; /* NULL: nothing was turned off */
    int mask, count;
};

static bool script_hooks(lua_State *L)
{
    lua_Hook hook = lua_gethook(L);
    return hook != NULL && hook != budget_hook && hook != stop_hook;
}

/* A count hook starts its count anew when it is back. */
static struct hooks hooks_off(lua_State *L)
{
    struct hooks hooks = {script_hooks(L) ? lua_gethook(L) : NULL, 0, 0};
    if (hooks.hook != NULL) {
        hooks.mask = lua_gethookmask(L);
        hooks.count = lua_gethookcount(L);
        lua_sethook(L, NULL, 0, 0);
    }
    return hooks;
}

static void hooks_on(lua_State *L, const struct hooks *hooks)
{
    if (hooks->hook != NULL)
        lua_sethook(L, hooks->hook, hooks->mask, hooks->count);
}

static int make_quiet(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&quiet_key);
    lua_newthread(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

static lua_State *get_quiet(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&quiet_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_State *quiet = lua_tothread(L, -1);
    lua_pop(L, 1);
    return quiet;
}

/* Where to make such calls on every load, so that a script's count hook that loads often fires all the same: `L` itself, or,
   where a script has set a hook on it, a coroutine of the VM that has none. What came of it goes to `L` by to_state. NULL:
   no memory, the message is on top of `L`. */
static lua_State *quiet_state(lua_State *L)
{
    if (!script_hooks(L))
        return L;
    lua_State *quiet = get_quiet(L);
    if (quiet == NULL) {
        struct hooks hooks = hooks_off(L); /* a coroutine has the hooks of the one that makes it */
        lua_pushcclosure(L, make_quiet, 0);
        if (protected_call(L, 0, 0, 0) == LUA_OK)
            quiet = get_quiet(L);
        hooks_on(L, &hooks);
    }
    return quiet;
}

/* Moves the value on top of the quiet state. */
static void to_state(lua_State *L, lua_State *quiet)
{
    if (quiet != L)
        lua_xmove(quiet, L, 1);
}

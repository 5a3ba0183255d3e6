/* A fresh state for one piece of work. */

/* Runs `body` in a fresh state, with `argument`. False: it raised, or there is no memory. */
static bool in_donor(lua_CFunction body, void *argument, char **error)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return false;
    lua_pushcclosure(L, body, 0);
    lua_pushlightuserdata(L, argument);
    bool done = protected_call(L, 1, 0, 0) == LUA_OK;
    if (!done && error != NULL && lua_isstring(L, -1))
        *error = strdup(lua_tostring(L, -1));
    lua_close(L);
    return done;
}

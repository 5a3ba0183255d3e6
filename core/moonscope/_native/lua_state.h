/* A fresh state for one piece of work. */

/* The state's own allocator, and how much it may hold. */
struct allowance {
    lua_Alloc allocate;
    void *data;
    size_t used, most; /* bytes */
};

static void *allocate_within(void *ud, void *block, size_t old_size, size_t new_size)
{
    struct allowance *allowance = ud;
    if (block == NULL)
        old_size = 0; /* it tells what kind of object is made, not a size */
    if (new_size > old_size && allowance->used + (new_size - old_size) > allowance->most)
        return NULL;
    void *result = allowance->allocate(allowance->data, block, old_size, new_size);
    if (result != NULL || new_size == 0)
        allowance->used += new_size - old_size;
    return result;
}

/* Runs `body` in a fresh state that may hold `most` bytes (0: any), with `argument`. False: it raised, or there is no
   memory. */
static bool in_donor(lua_CFunction body, void *argument, size_t most, char **error)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return false;
    struct allowance allowance = {.used = counted_bytes(L), .most = most};
    allowance.allocate = lua_getallocf(L, &allowance.data);
    if (most > 0)
        lua_setallocf(L, allocate_within, &allowance);
    lua_pushcclosure(L, body, 0);
    lua_pushlightuserdata(L, argument);
    bool done = protected_call(L, 1, 0, 0) == LUA_OK;
    if (!done && error != NULL && lua_isstring(L, -1))
        *error = strdup(lua_tostring(L, -1));
    lua_close(L);
    return done;
}

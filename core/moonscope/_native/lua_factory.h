/* New closures over prototypes that were made by hand (tiers graft and direct). */

enum { GLOBALS = 2 }; /* LUA_RIDX_GLOBALS */

/* Makes closures with a fresh _ENV upvalue, whose prototype is then replaced: setting the environment of one must not
   touch another. One per VM, in the registry. */
static const char factory_source[] = "return function(_ENV) return function() return _ENV end end";

/* Leaves the factory in the registry. Raises when there is no memory. */
static int make_factory(lua_State *L)
{
    if (load_text(L, factory_source, sizeof factory_source - 1, "=moonscope") != LUA_OK)
        return lua_error(L);
    plain_call(L, 0, 1);
    lua_pushlightuserdata(L, (void *)&factory_key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

static int warm_factory(lua_State *L)
{
    lua_pushcclosure(L, make_factory, 0);
    return protected_call(L, 0, 0, 0);
}

/* A fresh closure over a main prototype. */
static int push_closure(lua_State *L, void *proto)
{
    lua_pushlightuserdata(L, (void *)&factory_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (lua_type(L, -1) != LUA_TFUNCTION) {
        lua_pop(L, 1);
        int status = warm_factory(L);
        return status == LUA_OK ? push_closure(L, proto) : status;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, GLOBALS);
    int status = protected_call(L, 1, 1, 0);
    if (status == LUA_OK)
        ((struct closure_layout *)(uintptr_t)lua_topointer(L, -1))->proto = proto;
    return status;
}

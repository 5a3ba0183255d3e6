/* A new closure over a prototype that all states share, made as Lua makes one of its own. */

#include <stddef.h>

#include "lua.h"

#include "lfunc.h"
#include "lgc.h"
#include "lobject.h"
#include "lstate.h"

#include "moonscope_hook.h"

#define EXPORT __attribute__((visibility("default")))

#if LUA_VERSION_NUM == 504
static int collection_is_due(const global_State *g)
{
    return g->GCdebt > 0;
}

static void count(global_State *g, size_t size)
{
    g->GCdebt += (l_mem)size;
}
#else
static int collection_is_due(const global_State *g)
{
    return g->GCdebt <= 0;
}

static void count(global_State *g, size_t size)
{
    g->GCdebt -= (l_mem)size;
}
#endif

/* White, as every new object: no barrier is needed for what it is given before anything else runs. */
static void enlist(global_State *g, GCObject *object, int kind, size_t size)
{
    object->tt = (lu_byte)kind;
    object->marked = luaC_white(g);
    object->next = g->allgc;
    g->allgc = object;
    count(g, size);
}

EXPORT int moonscope_push_function(lua_State *L, void *proto)
{
    global_State *g = G(L);
    const size_t closure_size = sizeLclosure(1), upvalue_size = sizeof(UpVal);
    if (collection_is_due(g))
        return 0;
    LClosure *closure = g->frealloc(g->ud, NULL, LUA_TFUNCTION, closure_size);
    UpVal *upvalue = closure != NULL ? g->frealloc(g->ud, NULL, LUA_TUPVAL, upvalue_size) : NULL;
    if (upvalue == NULL) {
        if (closure != NULL)
            g->frealloc(g->ud, closure, closure_size, 0);
        return 0;
    }
    enlist(g, obj2gco(upvalue), LUA_VUPVAL, upvalue_size);
    enlist(g, obj2gco(closure), LUA_VLCL, closure_size);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    TValue *top = s2v(L->top.p - 1);
    upvalue->v.p = &upvalue->u.value;
    setobj(L, upvalue->v.p, top);
    closure->nupvalues = 1;
    closure->p = proto;
    closure->upvals[0] = upvalue;
    setclLvalue(L, top, closure);
    return 1;
}

/* A new closure over a prototype that all states share, made as Lua makes one of its own. */

#include <stddef.h>

#include "lua.h"

#include "lfunc.h"
#include "lgc.h"
#include "lobject.h"
#include "lstate.h"
#include "ltable.h"

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

/* What lua_rawgeti would find: a script may have put anything there. */
static void get_globals(global_State *g, TValue *value)
{
    const TValue *found = luaH_getint(hvalue(&g->l_registry), LUA_RIDX_GLOBALS);
    setobj(NULL, value, found);
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

/* What lua_rawgeti would find: a script may have put anything there. */
static void get_globals(global_State *g, TValue *value)
{
    lu_byte tag = luaH_getint(hvalue(&g->l_registry), LUA_RIDX_GLOBALS, value);
    if (tagisempty(tag))
        setnilvalue(value);
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
    upvalue->v.p = &upvalue->u.value;
    get_globals(g, upvalue->v.p);
    closure->nupvalues = 1;
    closure->p = proto;
    closure->upvals[0] = upvalue;
    setclLvalue2s(L, L->top.p, closure);
    L->top.p++;
    return 1;
}

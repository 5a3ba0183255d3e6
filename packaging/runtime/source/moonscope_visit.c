/* What a state refers to, found by a walk over the lists of its collector. */

#include <stddef.h>

#include "lua.h"

#include "lfunc.h"
#include "lgc.h"
#include "lobject.h"
#include "lstate.h"
#include "lstring.h"
#include "ltable.h"

#include "moonscope_hook.h"

#define EXPORT __attribute__((visibility("default")))

struct visit {
    global_State *g;
    moonscope_found_fn found;
    void *data;
};

static void see_string(const struct visit *visit, const TString *string)
{
    if (string != NULL && string->marked & MOONSCOPE_SHARED)
        visit->found(visit->data, string, string->tt);
}

static int is_string(int kind)
{
    return kind == ctb(LUA_VSHRSTR) || kind == ctb(LUA_VLNGSTR);
}

static void see_value(const struct visit *visit, const TValue *value)
{
    if (is_string(rawtt(value)))
        see_string(visit, tsvalue(value));
}

#if LUA_VERSION_NUM == 504
static void see_array(const struct visit *visit, const Table *table)
{
    unsigned int size = luaH_realasize(table);
    for (unsigned int i = 0; i < size; i++)
        see_value(visit, &table->array[i]);
}
#else
static void see_array(const struct visit *visit, Table *table)
{
    for (unsigned int i = 0; i < table->asize; i++)
        if (is_string(*getArrTag(table, i)))
            see_string(visit, gco2ts(getArrVal(table, i)->gc));
}
#endif

/* A key stays in the table when its value goes, and is not freed before the collector has marked it as dead. */
static void see_table(const struct visit *visit, Table *table)
{
    see_array(visit, table);
    for (int i = 0; i < (int)sizenode(table); i++) {
        Node *node = gnode(table, i);
        if (is_string(keytt(node)))
            see_string(visit, gco2ts(gckey(node)));
        see_value(visit, gval(node));
    }
}

static void see_userdata(const struct visit *visit, const Udata *data)
{
    for (int i = 0; i < data->nuvalue; i++)
        see_value(visit, &data->uv[i].uv);
}

/* One that is just being made has no prototype yet. Of one that is no state's own, the code is in the same memory. */
static void see_code(const struct visit *visit, const Proto *proto)
{
    if (proto == NULL)
        return;
    if (proto->marked & MOONSCOPE_SHARED)
        visit->found(visit->data, proto, proto->tt);
    if (proto->code != NULL)
        visit->found(visit->data, proto->code, 0);
}

static void see_proto(const struct visit *visit, const Proto *proto)
{
    see_code(visit, proto);
    see_string(visit, proto->source);
    for (int i = 0; i < proto->sizek; i++)
        see_value(visit, &proto->k[i]);
    for (int i = 0; i < proto->sizeupvalues; i++)
        see_string(visit, proto->upvalues[i].name);
    for (int i = 0; i < proto->sizelocvars; i++)
        see_string(visit, proto->locvars[i].varname);
}

/* All of the stack: what is left above its top comes to be below it again when a hook is called or a local is asked for by
   `debug`. The collector clears that part before it frees anything that is there. */
static void see_thread(const struct visit *visit, const lua_State *thread)
{
    if (thread->stack.p != NULL)
        for (StkId slot = thread->stack.p; slot < thread->stack_last.p + EXTRA_STACK; slot++)
            see_value(visit, s2v(slot));
}

static void see_object(const struct visit *visit, GCObject *object)
{
    switch (object->tt) {
    case LUA_VTABLE:
        see_table(visit, gco2t(object));
        break;
    case LUA_VUSERDATA:
        see_userdata(visit, gco2u(object));
        break;
    case LUA_VLCL:
        see_code(visit, gco2lcl(object)->p);
        break;
    case LUA_VCCL:
        for (int i = 0; i < gco2ccl(object)->nupvalues; i++)
            see_value(visit, &gco2ccl(object)->upvalue[i]);
        break;
    case LUA_VUPVAL:
        if (!upisopen(gco2upv(object))) /* else the stack has it */
            see_value(visit, gco2upv(object)->v.p);
        break;
    case LUA_VPROTO:
        see_proto(visit, gco2p(object));
        break;
    case LUA_VTHREAD:
        see_thread(visit, gco2th(object));
        break;
    default: /* strings refer to nothing */
        break;
    }
}

/* What is dead and not swept yet may refer to what is freed. */
static void see_list(const struct visit *visit, GCObject *object)
{
    for (; object != NULL; object = object->next)
        if (!isdead(visit->g, object))
            see_object(visit, object);
}

EXPORT void moonscope_visit(lua_State *L, moonscope_found_fn found, void *data)
{
    global_State *g = G(L);
    const struct visit visit = {g, found, data};
    see_list(&visit, g->allgc);
    see_list(&visit, g->finobj);
    see_list(&visit, g->tobefnz);
    see_list(&visit, g->fixedgc);
    for (int i = 0; i < STRCACHE_N; i++)
        for (int k = 0; k < STRCACHE_M; k++)
            see_string(&visit, g->strcache[i][k]);
    for (int i = 0; i < TM_N; i++)
        see_string(&visit, g->tmname[i]);
    see_string(&visit, g->memerrmsg);
}

static void answer(lua_State *L, int collected)
{
    global_State *g = G(L);
    int asked = g->moonscope_answered != moonscope_round();
    if (moonscope_look != NULL && (asked || collected))
        moonscope_look(L, asked, collected);
    if (asked)
        g->moonscope_answered = moonscope_count_answer(g->moonscope_answered);
}

/* The round that is answered is the one that was seen: the next one begins when this one is over. */
EXPORT void moonscope_answer(lua_State *L)
{
    answer(L, 0);
}

void moonscope_gc_stepped(lua_State *L, int collected)
{
    answer(L, collected || G(L)->gcstate == GCSpause);
}

/* The list has room for all before the first is taken: while the table of strings is walked nothing may be made. One that
   is found dead comes back to life, as when it is made again. */
EXPORT int moonscope_own_strings(lua_State *L)
{
    global_State *g = G(L);
    lua_createtable(L, g->strt.nuse, 0);
    int count = 0;
    for (int i = 0; i < g->strt.size; i++)
        for (TString *string = g->strt.hash[i]; string != NULL; string = string->u.hnext) {
            if (isdead(g, string))
                changewhite(string);
            setsvalue2s(L, L->top.p, string);
            L->top.p++;
            lua_rawseti(L, -2, ++count);
        }
    return 1;
}

/* coroutine.resume, wrap and close of a managed VM, which keep vm->current, the coroutine that runs (lua/interrupt.inc.h needs
   it to end a run). They call lua_resume themselves: a call of the stock functions from here would cost a level of C calls
   and of Lua calls, and their errors would name the wrong function. Results, errors and limits are those of the release. */
#pragma once

#include "cache/moonscope.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/load.inc.h"
#include "lua/interrupt.inc.h"
#if LUA_VERSION_NUM == 501
#include "lua/hooks.inc.h"
#endif

#if LUA_VERSION_NUM >= 504
#define resume(L, coroutine, arguments, results) lua_resume(coroutine, L, arguments, results)
#elif LUA_VERSION_NUM >= 502
#define resume(L, coroutine, arguments, results) \
    after_resume(coroutine, lua_resume(coroutine, L, arguments), results)
#else
#define resume(L, coroutine, arguments, results) after_resume(coroutine, lua_resume(coroutine, arguments), results)
#endif

#if LUA_VERSION_NUM < 504
static int after_resume(lua_State *coroutine, int status, int *results)
{
    *results = lua_gettop(coroutine);
    return status;
}
#endif

static lua_State *main_thread(lua_State *L);

#if LUA_VERSION_NUM == 501 || LUA_VERSION_NUM >= 504
enum coroutine_status { RUNNING, SUSPENDED, NORMAL, DEAD };

static enum coroutine_status coroutine_status(lua_State *L, lua_State *coroutine)
{
    lua_Debug activation;
    if (L == coroutine)
        return RUNNING;
    int status = lua_status(coroutine);
    if (status != LUA_OK)
        return status == LUA_YIELD ? SUSPENDED : DEAD;
    if (lua_getstack(coroutine, 0, &activation))
        return NORMAL;
    return lua_gettop(coroutine) == 0 ? DEAD : SUSPENDED;
}
#endif

/* Argument 1, or the argument error of this release. */
static lua_State *check_coroutine(lua_State *L, lua_State *coroutine)
{
    if (coroutine == NULL) {
#if LUA_VERSION_NUM >= 504
        luaL_typeerror(L, 1, "thread");
#else
        luaL_argerror(L, 1, LUA_VERSION_NUM == 503 ? "thread expected" : "coroutine expected");
#endif
    }
    return coroutine;
}

#if LUA_VERSION_NUM == 501
enum { STACK_LIMIT = 8000, ALWAYS_THERE = ON_LUAJIT ? 0 : 16 }; /* slots */

static int grow_stack(lua_State *coroutine)
{
    const int *slots = lua_touserdata(coroutine, 1);
    return lua_checkstack(coroutine, *slots) ? 0 : luaL_error(coroutine, "stack overflow");
}

/* lua_checkstack of another coroutine. When memory runs out it raises there, where nobody catches it, and the process ends:
   so the stack grows in a protected call. A few slots are there in any case. */
static bool check_stack_of(lua_State *L, lua_State *coroutine, int slots)
{
    if (slots > STACK_LIMIT - lua_gettop(coroutine))
        return false;
    if (slots > ALWAYS_THERE) {
        struct hooks hooks = hooks_off(coroutine);
        int status = protected_start(coroutine, grow_stack, &slots);
        hooks_on(coroutine, &hooks);
        if (status != LUA_OK) {
            lua_xmove(coroutine, L, 1);
            lua_error(L);
        }
    }
    return lua_checkstack(coroutine, slots);
}
#endif

/* NULL: it can be resumed, or lua_resume says itself why not. 5.1 raises when there is no room. */
static const char *why_not_resume(lua_State *L, lua_State *coroutine, int arguments)
{
#ifdef LUAJIT
    enum coroutine_status status = coroutine_status(L, coroutine);
    if (status == RUNNING || status == NORMAL)
        return "cannot resume running coroutine";
    if (status == DEAD)
        return "cannot resume dead coroutine";
    return check_stack_of(L, coroutine, arguments) ? NULL : "stack overflow";
#elif LUA_VERSION_NUM == 501
    static const char *const refusals[] = {
        [RUNNING] = "cannot resume running coroutine", [NORMAL] = "cannot resume normal coroutine",
        [DEAD] = "cannot resume dead coroutine",
    };
    enum coroutine_status status = coroutine_status(L, coroutine);
    if (!check_stack_of(L, coroutine, arguments))
        luaL_error(L, "too many arguments to resume");
    return refusals[status];
#else
    if (!lua_checkstack(coroutine, arguments))
        return "too many arguments to resume";
#if LUA_VERSION_NUM < 504
    if (lua_status(coroutine) == LUA_OK && lua_gettop(coroutine) == 0)
        return "cannot resume dead coroutine";
#endif
    (void)L;
    return NULL;
#endif
}

/* `running` runs from here on, until run_again gets back what this gives. */
static lua_State *run_instead(struct vm *vm, lua_State *running)
{
    lua_State *below = vm != NULL ? atomic_load(&vm->current) : NULL;
    if (below != NULL)
        atomic_store(&vm->current, running);
    return below;
}

/* Raises when the run was told to end meanwhile: the error of the coroutine was its way out. */
static void run_again(lua_State *L, struct vm *vm, lua_State *below)
{
    if (below == NULL)
        return;
    atomic_store(&vm->current, below);
    if (atomic_load(&vm->stop) != REASON_NONE)
        stop_now(L, vm, REASON_PERSON);
}

/* Resumes with the arguments on top of the stack, which are taken away. Gives the number of results, which are still on the
   coroutine's stack; there is room for them and one more value. -1: an error message is on top of the stack. */
static int resume_tracked(lua_State *L, lua_State *coroutine, int arguments)
{
    struct vm *vm = attached_vm(L);
    const char *refusal = why_not_resume(L, coroutine, arguments);
#ifdef LUAJIT /* the only one without a limit of its own: it would overflow the C stack and end the process */
    if (refusal == NULL && vm != NULL && vm->resumed >= MAX_RESUMED)
        refusal = "C stack overflow";
#endif
    if (refusal != NULL) {
        lua_pushstring(L, refusal);
        return -1;
    }
    if (vm != NULL && vm->budget > 0)
        charge(L, vm, RESUME_COST);
    lua_xmove(L, coroutine, arguments);
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    lua_setlevel(L, coroutine);
#endif
    int results = 0, status;
    lua_State *below = run_instead(vm, coroutine);
    if (vm != NULL)
        vm->resumed++;
    status = resume(L, coroutine, arguments, &results);
    if (vm != NULL)
        vm->resumed--;
    run_again(L, vm, below);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(coroutine, L, 1);
        return -1;
    }
    if (lua_checkstack(L, results + 1))
        return results;
    lua_pop(coroutine, results);
#if LUA_VERSION_NUM == 501
    return luaL_error(L, "too many results to resume");
#else
    lua_pushstring(L, "too many results to resume");
    return -1;
#endif
}

static int tracked_resume(lua_State *L)
{
    lua_State *coroutine = check_coroutine(L, lua_tothread(L, 1));
    int results = resume_tracked(L, coroutine, lua_gettop(L) - 1);
    lua_pushboolean(L, results >= 0);
    if (results < 0) {
        lua_pushvalue(L, -2);
        return 2;
    }
    lua_xmove(coroutine, L, results);
    return results + 1;
}

#if LUA_VERSION_NUM >= 504
/* lua_closethread by whichever name this release has it. Does not return when a coroutine of 5.5 closes itself; then who
   resumed it goes on. */
static int close_tracked(lua_State *L, lua_State *coroutine)
{
    struct vm *vm = attached_vm(L);
    lua_State *below = run_instead(vm, coroutine);
    int status = lua_closethread != NULL ? lua_closethread(coroutine, L) : lua_resetthread(coroutine);
    run_again(L, vm, below);
    return status;
}

static int tracked_close(lua_State *L)
{
    lua_State *coroutine = lua_tothread(L, 1);
#if LUA_VERSION_NUM >= 505
    if (lua_isnone(L, 1))
        coroutine = L;
#endif
    check_coroutine(L, coroutine);
    switch (coroutine_status(L, coroutine)) {
    case NORMAL: return luaL_error(L, "cannot close a normal coroutine");
    case RUNNING:
#if LUA_VERSION_NUM >= 505
        if (main_thread(L) == L)
            return luaL_error(L, "cannot close main thread");
        break;
#else
        return luaL_error(L, "cannot close a running coroutine");
#endif
    default: break;
    }
    int status = close_tracked(L, coroutine);
    lua_pushboolean(L, status == LUA_OK);
    if (status == LUA_OK)
        return 1;
    lua_xmove(coroutine, L, 1);
    return 2;
}
#endif

/* The error of a coroutine of wrap, on top of the stack, is raised in who called it, whom it names if it is a text. */
static int raise_wrapped(lua_State *L, lua_State *coroutine)
{
    bool text = lua_type(L, -1) == LUA_TSTRING;
#if LUA_VERSION_NUM >= 504
    int status = lua_status(coroutine);
    if (status != LUA_OK && status != LUA_YIELD) {
        status = close_tracked(L, coroutine);
        lua_xmove(coroutine, L, 1);
    }
    text = status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING;
#elif LUA_VERSION_NUM <= 502 && !defined LUAJIT
    text = lua_isstring(L, -1);
#endif
    (void)coroutine;
    if (text) {
        luaL_where(L, 1);
        lua_pushvalue(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* Upvalue: its coroutine. */
static int tracked_wrapped(lua_State *L)
{
    lua_State *coroutine = check_coroutine(L, lua_tothread(L, lua_upvalueindex(1)));
    int results = resume_tracked(L, coroutine, lua_gettop(L));
    if (results < 0)
        return raise_wrapped(L, coroutine);
    lua_xmove(coroutine, L, results);
    return results;
}

static int tracked_wrap(lua_State *L)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    if (lua_type(L, 1) != LUA_TFUNCTION || lua_iscfunction(L, 1))
        return luaL_argerror(L, 1, "Lua function expected");
#else
    luaL_checktype(L, 1, LUA_TFUNCTION);
#endif
    lua_State *coroutine = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, coroutine, 1);
    lua_pushcclosure(L, tracked_wrapped, 1);
    return 1;
}

/* Expects the coroutine table on top and leaves it there. */
static void track_coroutines(lua_State *L)
{
    put_function(L, "resume", tracked_resume);
    put_function(L, "wrap", tracked_wrap);
#if LUA_VERSION_NUM >= 504
    put_function(L, "close", tracked_close);
#endif
}

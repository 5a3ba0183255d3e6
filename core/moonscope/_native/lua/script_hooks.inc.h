/* debug.sethook and debug.gethook of a managed VM: the hook of a script, beside that of a budget.

   Without a budget the script's mask and count are Lua's own, and a hook is called as the stock one. With a budget, events
   of instructions come in steps that suit both, and what a script sets can neither remove nor delay the count of the
   budget. Per coroutine (on LuaJIT: for all), the registry has a table of what was set. */
#pragma once

#include "cache/moonscope.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/inside.inc.h"
#include "lua/interrupt.inc.h"

static const char script_hooks_key; /* of the table coroutine → what was set */
enum { SET_FUNCTION = 1, SET_MASK = 2, SET_COUNT = 3, SET_LEFT = 4 /* instructions until the next event of count */ };

static void push_coroutine_key(lua_State *L, lua_State *hooked)
{
#ifdef LUAJIT
    (void)hooked;
    lua_pushboolean(L, 1);
#else
    if (L == hooked) {
        lua_pushthread(L);
    } else {
        lua_pushthread(hooked);
        lua_xmove(hooked, L, 1);
    }
#endif
}

/* Pushes the table of what was set, making it if wanted, or nil. */
static void push_all_set(lua_State *L, bool make)
{
    lua_pushlightuserdata(L, (void *)&script_hooks_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (lua_type(L, -1) == LUA_TTABLE || !make)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushlightuserdata(L, (void *)&script_hooks_key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

/* What a script sets ends with its run, so that one hook cannot spoil all runs that follow. */
static void forget_script_hooks(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&script_hooks_key);
    lua_pushnil(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

/* Pushes what was set for a coroutine: a table, or something else for nothing. One value. */
static bool push_set(lua_State *L, lua_State *hooked)
{
    push_all_set(L, false);
    if (lua_type(L, -1) != LUA_TTABLE)
        return false;
    push_coroutine_key(L, hooked);
    lua_rawget(L, -2);
    move_top(L, lua_gettop(L) - 1);
    return lua_type(L, -1) == LUA_TTABLE;
}

/* A number of the table on top. */
static lua_Integer get_set(lua_State *L, int which)
{
    lua_rawgeti(L, -1, which);
    lua_Integer number = to_integer(L, -1);
    lua_pop(L, 1);
    return number;
}

static void script_hook(lua_State *L, lua_Debug *activation);

/* The step that suits the budget and, if it counts, the script's hook. */
static int hook_step(lua_Integer count, lua_Integer left)
{
    return count > 0 && left > 0 && left < BUDGET_STEP ? (int)left : BUDGET_STEP;
}

static void set_script_hook(struct vm *vm, lua_State *hooked, int mask, int count)
{
    if (vm == NULL || vm->budget == 0)
        lua_sethook(hooked, mask != 0 ? script_hook : NULL, mask, count);
    else if (mask != 0)
        lua_sethook(hooked, script_hook, mask | LUA_MASKCOUNT, hook_step(mask & LUA_MASKCOUNT ? count : 0, count));
    else if (lua_gethook(hooked) != budget_hook) /* else its count would begin anew, with every call */
        restore_hook(hooked, vm);
}

/* With what was set on top: pushes the function and its two arguments. */
static bool prepare_script_hook(lua_State *L, lua_Debug *activation)
{
    static const char *const events[] = {"call", "return", "line", "count", LUA_VERSION_NUM == 501 ? "tail return" : "tail call"};
    lua_rawgeti(L, -1, SET_FUNCTION);
    if (lua_type(L, -1) != LUA_TFUNCTION)
        return false;
    lua_pushstring(L, events[activation->event >= 0 && activation->event <= 4 ? activation->event : 3]);
    if (activation->currentline >= 0)
        lua_pushinteger(L, activation->currentline);
    else
        lua_pushnil(L);
    return true;
}

/* With what was set on top: is an event of count due? Keeps the steps of one that is longer than those of the budget. */
static bool count_is_due(lua_State *L, int step)
{
    lua_Integer count = get_set(L, SET_COUNT), left = get_set(L, SET_LEFT) - step;
    bool due = left <= 0, wanted = (get_set(L, SET_MASK) & LUA_MASKCOUNT) != 0;
    if (due)
        left = count;
    lua_pushinteger(L, left);
    lua_rawseti(L, -2, SET_LEFT);
    lua_sethook(L, script_hook, lua_gethookmask(L), hook_step(wanted ? count : 0, left));
    return due && wanted;
}

/* Hooks stay on meanwhile, so that what the function does counts; its own events are no events for it. LuaJIT does not go on
   counting inside a hook, so there they stay off until let_hooks_run. */
static void call_counted(lua_State *L, struct vm *vm, lua_Debug *activation)
{
    lua_State *outer = vm->hooked;
    vm->hooked = L;
    if (inside.hooks > 0 && !ON_LUAJIT)
        set_hooks_off((unsigned char *)L + inside.hooks, false);
    int status = prepare_script_hook(L, activation) ? protected_call(L, 2, 0, 0) : LUA_OK;
    vm->hooked = outer;
    if (inside.hooks > 0 && !ON_LUAJIT) /* a handler of the error that is raised here sees no events, as in plain Lua */
        set_hooks_off((unsigned char *)L + inside.hooks, true);
    if (status != LUA_OK && atomic_load(&vm->stop) != REASON_NONE)
        stop_now(L, vm, REASON_PERSON);
    if (status != LUA_OK)
        lua_error(L);
}

static void script_hook(lua_State *L, lua_Debug *activation)
{
    struct vm *vm = attached_vm(L);
    int step = lua_gethookcount(L);
    if (vm != NULL)
        heed_in_hook(L, vm);
    bool budget = vm != NULL && vm->budget > 0, counts = activation->event == HOOK_COUNT;
    if (budget && counts)
        charge(L, vm, step);
    int top = lua_gettop(L);
    if (push_set(L, L)) {
        bool due = !budget || !counts || count_is_due(L, step);
        if (budget && due && vm->hooked != L && !(ON_LUAJIT && vm->hooked != NULL))
            call_counted(L, vm, activation);
        else if (!budget && prepare_script_hook(L, activation))
            plain_call(L, 2, 0);
    }
    lua_settop(L, top);
}

/* The coroutine that the first argument may name; the others begin after *first. */
static lua_State *hooked_coroutine(lua_State *L, int *first)
{
    *first = lua_tothread(L, 1) != NULL ? 1 : 0;
    return *first ? lua_tothread(L, 1) : L;
}

static int own_sethook(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    int first, mask = 0;
    lua_Integer count = 0;
    lua_State *hooked = hooked_coroutine(L, &first);
    bool off = lua_isnoneornil(L, first + 1);
    if (!off) {
        const char *events = luaL_checklstring(L, first + 2, NULL);
        luaL_checktype(L, first + 1, LUA_TFUNCTION);
        count = (int)luaL_optinteger(L, first + 3, 0);
        mask = (strchr(events, 'c') ? LUA_MASKCALL : 0) | (strchr(events, 'r') ? LUA_MASKRET : 0) |
               (strchr(events, 'l') ? LUA_MASKLINE : 0) | (count > 0 ? LUA_MASKCOUNT : 0);
    }
    if (!lua_checkstack(hooked, 1) || !lua_checkstack(L, 8))
        return luaL_error(L, "stack overflow");
    push_all_set(L, true);
    push_coroutine_key(L, hooked);
    if (off) {
        lua_pushnil(L);
    } else {
        lua_createtable(L, 4, 0);
        lua_pushvalue(L, first + 1);
        lua_rawseti(L, -2, SET_FUNCTION);
        const lua_Integer numbers[] = {mask, count, count};
        for (int i = 0; i < 3; i++) {
            lua_pushinteger(L, numbers[i]);
            lua_rawseti(L, -2, SET_MASK + i);
        }
    }
    lua_rawset(L, -3);
    if (vm != NULL && vm->budget > 0 && (mask != 0 || lua_gethook(hooked) != budget_hook))
        charge(L, vm, lua_gethookcount(hooked)); /* what was counted is lost */
    set_script_hook(vm, hooked, mask, (int)count);
    return 0;
}

static int own_gethook(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    int first, mask = 0, length = 0;
    lua_Integer count = 0;
    lua_State *hooked = hooked_coroutine(L, &first);
    if (!lua_checkstack(hooked, 1) || !lua_checkstack(L, 8))
        return luaL_error(L, "stack overflow");
    bool set = push_set(L, hooked), on = lua_gethook(hooked) == script_hook;
    if (vm != NULL && vm->budget > 0) {
        mask = set ? (int)get_set(L, SET_MASK) : 0;
        count = set ? get_set(L, SET_COUNT) : 0;
    } else if (on || lua_gethook(hooked) == NULL) {
        mask = lua_gethookmask(hooked);
        count = lua_gethookcount(hooked);
    }
#if LUA_VERSION_NUM >= 504
    if (!on) {
        lua_pushnil(L);
        return 1;
    }
#endif
    if (set && (LUA_VERSION_NUM <= 502 || on))
        lua_rawgeti(L, -1, SET_FUNCTION);
    else
        lua_pushnil(L);
    char events[4];
    if (mask & LUA_MASKCALL)
        events[length++] = 'c';
    if (mask & LUA_MASKRET)
        events[length++] = 'r';
    if (mask & LUA_MASKLINE)
        events[length++] = 'l';
    lua_pushlstring(L, events, (size_t)length);
    lua_pushinteger(L, count);
    return 3;
}

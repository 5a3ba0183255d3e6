/* What the thread of a VM is doing, seen and changed from another thread. Lua has no function for it, so parts of a
   lua_State are read and written where an experiment with a state of this very library has shown them to be. What the
   experiment did not show is not used. */
#pragma once

#include "lua/memory_read.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/text.inc.h"

enum {
#ifdef LUAJIT
    PROBE_BYTES = 1024, /* lua_State and the beginning of global_State, which are one block */
    HOOKS_OFF = 0x10,   /* HOOK_ACTIVE in hookmask */
#else
    PROBE_BYTES = 208, /* the main coroutine's lua_State and global_State are one block too */
    HOOKS_OFF = 0x01,  /* allowhook is 0 then */
#endif
    PROBE_WORDS = 24, PROBE_ROUNDS = 40,
};

/* The way from a lua_State to the C function that it runs: words at each step. */
struct running_path {
    int state, frame, closure; /* closure: -1 when the function is a bare pointer */
    int bits;                  /* of the address in the frame, on LuaJIT: 47, or 32 */
    bool known;
};

static struct {
    ptrdiff_t hooks; /* of the byte that says whether hooks are off; from the main coroutine on LuaJIT. 0: not known */
    struct running_path light, closure;
} inside;

static struct inside_probe {
    bool candidates[PROBE_BYTES];
    bool verify, nested;
    int depth;
} *probing;

static bool hooks_are_off(unsigned char byte)
{
    return ON_LUAJIT ? (byte & HOOKS_OFF) != 0 : byte == 0;
}

static void set_hooks_off(unsigned char *byte, bool off)
{
    unsigned char old = __atomic_load_n(byte, __ATOMIC_RELAXED);
    unsigned char with = ON_LUAJIT ? old | HOOKS_OFF : 0, without = ON_LUAJIT ? old & ~HOOKS_OFF : 1;
    __atomic_store_n(byte, off ? with : without, __ATOMIC_RELAXED);
}

/* The byte can be the one only if it says that hooks are on outside of them, and off inside. */
static void narrow(lua_State *L, bool off)
{
    const unsigned char *bytes = (const unsigned char *)L;
    for (int i = 0; i < PROBE_BYTES; i++) {
        bool fits = ON_LUAJIT || bytes[i] <= 1;
        probing->candidates[i] = probing->candidates[i] && fits && hooks_are_off(bytes[i]) == off;
    }
}

static int probe_outside(lua_State *L)
{
    if (!probing->verify)
        narrow(L, false);
    return 0;
}

/* With hooks let on, does the hook run inside itself? */
static void verify_hooks(lua_State *L)
{
    unsigned char *byte = (unsigned char *)L + inside.hooks;
    if (probing->depth > 0) {
        probing->nested = true;
        return;
    }
    if (probing->nested)
        return;
    probing->depth++;
    set_hooks_off(byte, false);
    lua_pushlightuserdata(L, (void *)&inside);
    lua_rawget(L, LUA_REGISTRYINDEX);
    plain_call(L, 0, 0);
    set_hooks_off(byte, true);
    probing->depth--;
}

static void probe_hook(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    if (probing->verify)
        verify_hooks(L);
    else
        narrow(L, true);
}

/* With a Lua function on top that calls its argument. */
static void probe_run(lua_State *L)
{
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, probe_outside, 0);
    lua_sethook(L, probe_hook, LUA_MASKCOUNT, 1);
    plain_call(L, 1, 0);
    lua_sethook(L, NULL, 0, 0);
}

static bool path_leads(lua_State *L, const struct running_path *path, void **function)
{
    void *frame, *value;
    if (!memory_read((void **)L + path->state, &frame, sizeof frame) || frame == NULL ||
        !memory_read((void **)frame + path->frame, &value, sizeof value))
        return false;
#ifdef LUAJIT
    value = (void *)((uintptr_t)value & ((UINT64_C(1) << path->bits) - 1));
#else
    if (!memory_read(value, &value, sizeof value))
        return false;
#endif
    if (path->closure < 0) {
        *function = value;
        return true;
    }
    return memory_read((void **)value + path->closure, function, sizeof *function);
}

static void find_path(lua_State *L, struct running_path *path, lua_CFunction function, int closure, int last)
{
    void *found = NULL, *wanted;
    memcpy(&wanted, &function, sizeof wanted);
    if (path->known) { /* found in a call before: it must lead here as well */
        path->known = path_leads(L, path, &found) && found == wanted;
        return;
    }
    for (int state = 1; state < PROBE_WORDS; state++)
        for (int frame = ON_LUAJIT ? -2 : 0; frame < (ON_LUAJIT ? 0 : 3); frame++)
            for (int step = closure; step <= last; step++)
                for (int bits = 47; bits >= (ON_LUAJIT ? 32 : 47); bits -= 15) {
                    struct running_path tried = {state, frame, step, bits, true};
                    if (path_leads(L, &tried, &found) && found == wanted) {
                        *path = tried;
                        return;
                    }
                }
}

static int probe_light(lua_State *L)
{
    if (LUA_VERSION_NUM >= 502)
        find_path(L, &inside.light, probe_light, -1, -1);
    else
        find_path(L, &inside.closure, probe_light, 2, 6);
    return 0;
}

static int probe_closure(lua_State *L)
{
    find_path(L, &inside.closure, probe_closure, 2, 6);
    return 0;
}

static const char probe_inside_source[] =
    "local f = ... for i = 1, 40 do f() local t = {i} end\n";
static const char probe_call_source[] = "local f, g = ... f() g() local function deep() f() g() return 1 end local x = deep()";

/* Argument: struct inside_probe. */
static int probe_body(lua_State *L)
{
    probing = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, (void *)&inside);
    if (load_text(L, "local x = 1 local y = x", 23, "=nested") != LUA_OK)
        return lua_error(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
    if (load_text(L, probe_call_source, sizeof probe_call_source - 1, "=calls") != LUA_OK)
        return lua_error(L);
    lua_pushcclosure(L, probe_light, 0);
    lua_pushboolean(L, 1);
    lua_pushcclosure(L, probe_closure, 1);
    plain_call(L, 2, 0);
    if (load_text(L, probe_inside_source, sizeof probe_inside_source - 1, "=hooks") != LUA_OK)
        return lua_error(L);
    memset(probing->candidates, 1, sizeof probing->candidates);
    probe_run(L);
    int found = 0;
    for (int i = 0; i < PROBE_BYTES; i++)
        if (probing->candidates[i]) {
            inside.hooks = i;
            found++;
        }
    if (found == 1) {
        probing->verify = true;
        probe_run(L);
    }
    if (!probing->nested)
        inside.hooks = 0;
    return 0;
}

/* Once, before any state is attached. What cannot be found out stays unknown. */
static void probe_inside(void)
{
    struct inside_probe probe = {0};
    lua_State *L = sizeof(void *) == 8 ? luaL_newstate() : NULL;
    if (L == NULL)
        return;
    if (protected_start(L, probe_body, &probe) != LUA_OK)
        memset(&inside, 0, sizeof inside);
    probing = NULL;
    lua_close(L);
}

/* Lets hooks run where Lua keeps them off: in a finalizer, in a hook of the script, in a handler of an error in it. From
   any thread; under vm->hooking. */
static void let_hooks_run(struct vm *vm, lua_State *running)
{
    if (inside.hooks > 0)
        set_hooks_off((unsigned char *)(ON_LUAJIT ? vm->main : running) + inside.hooks, false);
}

/* The names that scripts know C functions by. */

struct named_function {
    lua_CFunction function;
    char name[48];
};

static struct {
    pthread_once_t once;
    struct named_function *list; /* owned by the process; NULL: no memory */
    size_t count, room;
} named = {.once = PTHREAD_ONCE_INIT};

static void name_function(lua_CFunction function, const char *library, const char *separator, const char *field)
{
    for (size_t i = 0; i < named.count; i++)
        if (named.list[i].function == function)
            return;
    if (named.count == named.room) {
        size_t room = named.room == 0 ? 256 : 2 * named.room;
        struct named_function *list = realloc(named.list, room * sizeof *list);
        if (list == NULL)
            return;
        named.list = list;
        named.room = room;
    }
    struct named_function *entry = &named.list[named.count++];
    entry->function = function;
    snprintf(entry->name, sizeof entry->name, "%s%s%s", library, separator, field);
}

/* The functions in the table on top. */
static void name_fields(lua_State *L, const char *library, const char *separator)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING && lua_iscfunction(L, -1))
            name_function(lua_tocfunction(L, -1), library, separator, lua_tostring(L, -2));
}

static int name_body(lua_State *L)
{
    open_libraries(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "_G");
    name_fields(L, "", "");
    lua_pop(L, 1);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TTABLE)
            name_fields(L, lua_tostring(L, -2), ".");
    lua_getfield(L, LUA_REGISTRYINDEX, "FILE*");
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_getfield(L, -1, "__index");
        if (lua_type(L, -1) == LUA_TTABLE)
            name_fields(L, "file", ":");
    }
    return 0;
}

static void name_functions(void);

/* From any thread; under vm->hooking. The name of the C function that `running` is inside now; "": it is in none, or in one
   without a name. The VM may go on meanwhile: then the answer is one of a moment that is over. */
static const char *running_function(lua_State *running)
{
    const struct running_path *paths[] = {&inside.light, &inside.closure};
    pthread_once(&named.once, name_functions);
    for (size_t i = 0; i < 2; i++) {
        void *function = NULL;
        if (!paths[i]->known || !path_leads(running, paths[i], &function) || function == NULL)
            continue;
        for (size_t k = 0; k < named.count; k++) {
            void *at;
            memcpy(&at, &named.list[k].function, sizeof at);
            if (at == function)
                return named.list[k].name;
        }
    }
    return "";
}

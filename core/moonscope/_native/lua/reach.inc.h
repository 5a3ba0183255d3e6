/* Raw access to what is in a VM that is idle, in its own thread: what a value leads to, and where a path ends. Nothing in
   here and in the files of looks asks the collector for memory, makes a call or raises an error: no metamethod runs, and
   no finalizer, whatever the script made of its globals. */
#pragma once

#include "cache/moonscope.h"
#include "lua/look.h"
#include "lua/vm.h"

#include "lua/api.inc.h"

#if LUA_VERSION_NUM == 501
#define LUA_GLOBALSINDEX (-10002)
#endif

struct look_key {
    enum step_kind kind;
    uint32_t ordinal; /* in the order of the table */
    int64_t integer;
    double number;
    const char *text; /* in the VM, which keeps still */
    size_t length;
    const void *address;
};

struct looking {
    lua_State *L;
    struct vm *vm;
    struct look *look;
    int at;            /* where on the stack the value is that is looked at */
    uint64_t deadline; /* monotonic ns */
    uint64_t steps;
    const char *source;  /* last looked up, */
    uint64_t generation; /* and what came of it */
};

/* Asked at every step of every walk. */
static bool look_ends(struct looking *looking)
{
    struct look *look = looking->look;
    if ((++looking->steps & 1023) == 0 && look->outcome == LOOK_DONE) {
        if (atomic_load(&looking->vm->stop) != REASON_NONE)
            look->outcome = LOOK_STOPPED;
        else if (monotonic_ns() > looking->deadline)
            look->outcome = LOOK_TOO_LONG;
    }
    return look->outcome != LOOK_DONE;
}

/* Pushes user value n of the userdata at `index`, or nothing. */
static bool push_user_value(lua_State *L, int index, int n)
{
#if LUA_VERSION_NUM >= 504
    if (lua_getiuservalue(L, index, n) != LUA_TNONE)
        return true;
    lua_pop(L, 1);
#elif LUA_VERSION_NUM >= 502
    if (n == 1) {
        lua_getuservalue(L, index);
        if (lua_type(L, -1) != LUA_TNIL)
            return true;
        lua_pop(L, 1);
    }
#else
    (void)L;
    (void)index;
    (void)n;
#endif
    return false;
}

/* Pushes the environment of a function, userdata or thread where it has one that is not the globals, or nothing. */
static bool push_environment(lua_State *L, int index)
{
#if LUA_VERSION_NUM == 501
    int type = lua_type(L, index);
    if (type != LUA_TFUNCTION && type != LUA_TUSERDATA && type != LUA_TTHREAD)
        return false;
    lua_getfenv(L, index);
    if (!lua_rawequal(L, -1, LUA_GLOBALSINDEX))
        return true;
    lua_pop(L, 1);
#else
    (void)L;
    (void)index;
#endif
    return false;
}

/* Pushes what is no entry of a table but belongs to the value at `index`; its name, or NULL: nothing was pushed. */
static const char *push_part(lua_State *L, int index, enum step_kind kind, int64_t n)
{
    int type = lua_type(L, index);
    if (n < 0 || n > INT16_MAX)
        return NULL;
    switch (kind) {
    case STEP_METATABLE:
        return (type == LUA_TTABLE || type == LUA_TUSERDATA) && lua_getmetatable(L, index) ? "" : NULL;
    case STEP_ENVIRONMENT: return push_environment(L, index) ? "" : NULL;
    case STEP_UPVALUE: return type == LUA_TFUNCTION ? lua_getupvalue(L, index, (int)n) : NULL;
    case STEP_USER_VALUE: return type == LUA_TUSERDATA && push_user_value(L, index, (int)n) ? "" : NULL;
    default: return NULL;
    }
}

/* Writes up to `room` parts of the value at `index` into `keys` and returns how many. */
static size_t list_parts(lua_State *L, int index, struct look_key *keys, size_t room)
{
    static const enum step_kind kinds[] = {STEP_METATABLE, STEP_ENVIRONMENT, STEP_UPVALUE, STEP_USER_VALUE};
    size_t count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int n = 1; count < room && push_part(L, index, kinds[i], n) != NULL; n++) {
            lua_pop(L, 1);
            keys[count++] = (struct look_key){.kind = kinds[i], .integer = n};
            if (kinds[i] == STEP_METATABLE || kinds[i] == STEP_ENVIRONMENT)
                break;
        }
    return count;
}

static bool is_number_key(enum step_kind kind)
{
    return kind == STEP_INTEGER || kind == STEP_NUMBER;
}

/* What is told of any value, and a key is known by. */
static void read_key(lua_State *L, int index, struct look_key *key)
{
    int type = lua_type(L, index);
    *key = (struct look_key){.kind = STEP_OBJECT, .integer = type};
    if (type == LUA_TSTRING) {
        key->kind = STEP_STRING;
        key->text = lua_tolstring(L, index, &key->length);
        key->address = key->text;
    } else if (type == LUA_TBOOLEAN) {
        key->kind = STEP_BOOLEAN;
        key->integer = lua_toboolean(L, index);
    } else if (type == LUA_TNUMBER) {
        key->kind = STEP_NUMBER;
        key->number = to_number(L, index);
#if LUA_VERSION_NUM >= 503
        if (lua_isinteger(L, index)) {
            key->kind = STEP_INTEGER;
            key->integer = to_integer(L, index);
        }
#endif
    } else {
        key->address = lua_topointer(L, index);
    }
}

static bool key_is(const struct look_key *key, const struct look_step *step)
{
    if (step->kind == STEP_OBJECT) /* long strings too */
        return (key->kind == STEP_OBJECT || key->kind == STEP_STRING) &&
               key->address == (const void *)(uintptr_t)step->integer;
    if (key->kind != step->kind)
        return false;
    switch (key->kind) {
    case STEP_STRING: return key->length == step->length && memcmp(key->text, step->text, key->length) == 0;
    case STEP_NUMBER: return key->number == step->number;
    default: return key->integer == step->integer;
    }
}

/* Pushes the entry of the table at `index`; false: there is none, or the look is over. */
static bool push_entry(struct looking *looking, int index, const struct look_step *step)
{
    lua_State *L = looking->L;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        struct look_key key;
        read_key(L, -2, &key);
        if (key_is(&key, step))
            return true; /* the key stays below */
        lua_pop(L, 1);
        if (look_ends(looking)) {
            lua_pop(L, 1);
            return false;
        }
    }
    return false;
}

/* Pushes what a path begins with. */
static void push_start(struct looking *looking, enum step_kind kind)
{
    lua_State *L = looking->L;
    static const struct look_step loaded = {.kind = STEP_STRING, .text = "_LOADED", .length = 7};
#if LUA_VERSION_NUM == 501
    if (kind == STEP_GLOBALS) {
        lua_pushvalue(L, LUA_GLOBALSINDEX);
        return;
    }
#endif
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    int registry = lua_gettop(L);
#if LUA_VERSION_NUM >= 502
    if (kind == STEP_GLOBALS) {
        lua_pushinteger(L, 2); /* LUA_RIDX_GLOBALS */
        lua_rawget(L, registry);
        move_top(L, registry);
    }
#endif
    if (kind == STEP_LOADED) {
        if (!push_entry(looking, registry, &loaded))
            lua_pushnil(L);
        move_top(L, registry);
        lua_settop(L, registry);
    }
}

/* Replaces the value that is looked at by what the step leads to. */
static bool take_step(struct looking *looking, const struct look_step *step)
{
    lua_State *L = looking->L;
    int at = looking->at;
    bool found = step->kind >= STEP_STRING && step->kind <= STEP_OBJECT
                     ? lua_type(L, at) == LUA_TTABLE && push_entry(looking, at, step)
                     : push_part(L, at, step->kind, step->integer) != NULL;
    if (found) {
        move_top(L, at);
        lua_settop(L, at);
    }
    return found;
}

/* Leaves the value where looking->at says. */
static bool follow_path(struct looking *looking)
{
    struct look *look = looking->look;
    for (size_t i = 0; i < look->step_count && look->outcome == LOOK_DONE; i++) {
        const struct look_step *step = &look->steps[i];
        look->gone = i;
        if (i == 0 && step->kind <= STEP_REGISTRY)
            push_start(looking, step->kind);
        else if ((i == 0 || !take_step(looking, step)) && look->outcome == LOOK_DONE)
            look->outcome = LOOK_GONE;
    }
    return look->outcome == LOOK_DONE;
}

/* What a managed VM prints is its output, and os.exit ends its run, not the process. */
#pragma once

#include "cache/moonscope.h"
#include "lua/vm.h"
#include "lua/vm_io.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/interrupt.inc.h"

/* The value at an index in words, for the owner of the VM; NULL when it has none. */
#if LUA_VERSION_NUM >= 504
#define plain_text(L, index, length) luaL_tolstring(L, index, length)
#else
static const char *plain_text(lua_State *L, int index, size_t *length)
{
    get_kept(L, &tostring_key);
    lua_pushvalue(L, index);
    plain_call(L, 1, 1);
    return lua_tolstring(L, -1, length);
}

/* Leaves on top what `print` calls: until 5.3 the global `tostring`, of the thread's own globals in 5.1. */
static void get_tostring(lua_State *L)
{
#if LUA_VERSION_NUM == 501
    lua_pushvalue(L, LUA_GLOBALSINDEX);
#else
    lua_pushinteger(L, LUA_RIDX_GLOBALS);
    lua_rawget(L, LUA_REGISTRYINDEX);
#endif
    lua_getfield(L, -1, "tostring");
}
#endif

static int captured_print(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    int count = lua_gettop(L);
#if LUA_VERSION_NUM < 504
    get_tostring(L);
    int tostring = lua_gettop(L);
#endif
    for (int i = 1; i <= count; i++) {
        size_t length;
#if LUA_VERSION_NUM >= 504
        const char *text = luaL_tolstring(L, i, &length);
#else
        lua_pushvalue(L, tostring);
        lua_pushvalue(L, i);
        plain_call(L, 1, 1);
        const char *text = lua_tolstring(L, -1, &length);
        if (text == NULL)
            return luaL_error(L, "'tostring' must return a string to 'print'");
#endif
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
        length = strlen(text); /* it prints C strings */
#endif
        if (i > 1)
            vm_write(vm, OUTPUT_STDOUT, "\t", 1);
        vm_write(vm, OUTPUT_STDOUT, text, length);
        lua_pop(L, 1);
    }
    vm_write(vm, OUTPUT_STDOUT, "\n", 1);
#if LUA_VERSION_NUM >= 502
    vm_flush(vm);
#endif
    return 0;
}

static int captured_exit(lua_State *L)
{
    struct vm *vm = attached_vm(L);
    int code;
    if (lua_type(L, 1) == LUA_TBOOLEAN && (LUA_VERSION_NUM >= 502 || ON_LUAJIT))
        code = lua_toboolean(L, 1) ? 0 : 1;
    else
        code = (int)luaL_optinteger(L, 1, 0);
    if (vm == NULL)
        return 0;
    vm->exit_code = code;
    return stop_now(L, vm, REASON_EXIT);
}

#if LUA_VERSION_NUM >= 504
/* Follows the rules of the stock function: off at first, "@on" and "@off" switch, parts make one line. */
static void captured_warning(void *data, const char *message, int continued)
{
    struct vm *vm = data;
    bool first = vm->warnings != WARNINGS_PART;
    if (first && !continued && message[0] == '@') {
        if (strcmp(message, "@on") == 0)
            vm->warnings = WARNINGS_ON;
        else if (strcmp(message, "@off") == 0)
            vm->warnings = WARNINGS_OFF;
        return;
    }
    if (vm->warnings == WARNINGS_OFF)
        return;
    if (first)
        vm_write(vm, OUTPUT_STDERR, "Lua warning: ", 13);
    vm_write(vm, OUTPUT_STDERR, message, strlen(message));
    if (!continued)
        vm_write(vm, OUTPUT_STDERR, "\n", 1);
    vm->warnings = continued ? WARNINGS_PART : WARNINGS_ON;
}
#endif

/* Where the file of field `name` of the io library keeps its stream, if that is `stream` of C, else NULL. The first member
   of a file is a FILE * in every Lua; the size, the metatable and the value itself show that this is one. */
static FILE **stream_slot(lua_State *L, int io, const char *name, FILE *stream)
{
    int top = lua_gettop(L);
    lua_getfield(L, io, name);
    FILE **slot = lua_type(L, -1) == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
    if (slot != NULL && raw_length(L, -1) >= sizeof *slot && raw_length(L, -1) <= 64 && lua_getmetatable(L, -1)) {
        lua_getfield(L, LUA_REGISTRYINDEX, "FILE*");
        if (!lua_rawequal(L, -1, -2) || *slot != stream)
            slot = NULL;
    } else {
        slot = NULL;
    }
    lua_settop(L, top);
    return slot;
}

/* Lets io.stdout and io.stderr write to the VM's output: the functions of the io library stay the stock ones. Expects the io
   library on top and leaves it there. Raises when it cannot be. */
static void capture_io(lua_State *L, struct vm *vm)
{
    int io = lua_gettop(L);
    FILE **out = stream_slot(L, io, "stdout", stdout), **err = stream_slot(L, io, "stderr", stderr);
    if (out == NULL || err == NULL)
        luaL_error(L, "the io library of this Lua is not a known one");
    if (!vm_open_streams(vm))
        luaL_error(L, "not enough memory");
    *out = vm->streams[OUTPUT_STDOUT];
    *err = vm->streams[OUTPUT_STDERR];
}

/* The C API of one Lua, resolved at run time from the library that lupa has loaded: several Luas live in one process
   under the same names, so nothing may be linked.

   lua51.c … luajit21.c each define LUA_VERSION_NUM (and LUAJIT), LUA_TAG and LUA_INDEX and include lua/per_lua.inc.h, which
   includes this and every other *.inc.h once. So each Lua gets its own copy of that code, compiled against its own
   signatures, and no difference between versions is left to run time.

   The function pointers are written once, by bind(), before any state of that Lua is attached; then only read. */
#pragma once

#ifndef LUA_INDEX
#error "included by lua51.c … luajit21.c only, through lua/per_lua.inc.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/tier.h"
#include "lua/vm.h"

typedef int (*lua_CFunction)(lua_State *);
typedef const char *(*lua_Reader)(lua_State *, void *, size_t *);
typedef int (*lua_Writer)(lua_State *, const void *, size_t, void *);
typedef struct lua_Debug lua_Debug;
typedef void (*lua_Hook)(lua_State *, lua_Debug *);
typedef void (*lua_WarnFunction)(void *, const char *, int);

#if LUA_VERSION_NUM >= 503
typedef long long lua_Integer;
typedef intptr_t lua_Context;
typedef int (*lua_Continuation)(lua_State *, int, lua_Context);
#else
typedef ptrdiff_t lua_Integer;
typedef int lua_Context;
typedef lua_CFunction lua_Continuation;
#endif

#if LUA_VERSION_NUM >= 503
#define RAW_INDEX lua_Integer
#define RAW_RESULT int
#else
#define RAW_INDEX int
#define RAW_RESULT void
#endif

enum {
    LUA_OK = 0, LUA_YIELD = 1, LUA_ERRRUN = 2, LUA_ERRMEM = 4,
    LUA_TNONE = -1, LUA_TNIL = 0, LUA_TBOOLEAN = 1, LUA_TNUMBER = 3, LUA_TSTRING = 4, LUA_TTABLE = 5, LUA_TFUNCTION = 6,
    LUA_TUSERDATA = 7, LUA_TTHREAD = 8,
    LUA_MULTRET = -1,
    LUA_MASKCALL = 1, LUA_MASKRET = 2, LUA_MASKLINE = 4, LUA_MASKCOUNT = 8, HOOK_COUNT = 3,
    LUA_GCSTOP = 0, LUA_GCRESTART = 1, LUA_GCCOLLECT = 2, LUA_GCCOUNT = 3, LUA_GCCOUNTB = 4,
#if LUA_VERSION_NUM == 501
    LUA_REGISTRYINDEX = -10000, LUA_GLOBALSINDEX = -10002, FIRST_UPVALUE = -10002,
#elif LUA_VERSION_NUM == 505
    LUA_REGISTRYINDEX = -(INT32_MAX / 2 + 1000), FIRST_UPVALUE = LUA_REGISTRYINDEX,
#else
    LUA_REGISTRYINDEX = -1001000, FIRST_UPVALUE = LUA_REGISTRYINDEX,
#endif
};
#define lua_upvalueindex(i) (FIRST_UPVALUE - (i))

enum { LUA_RIDX_GLOBALS = 2 }; /* since 5.2 */

#ifdef LUAJIT
enum { ON_LUAJIT = 1 };
#else
enum { ON_LUAJIT = 0 };
#endif

/* The public record of each lua.h, with room for what follows it. */
struct lua_Debug {
    int event;
    const char *name, *namewhat, *what, *source;
#if LUA_VERSION_NUM >= 504
    size_t srclen;
#endif
    int currentline;
#if LUA_VERSION_NUM == 501
    int nups, linedefined, lastlinedefined;
#else
    int linedefined, lastlinedefined;
    unsigned char nups;
#endif
    char rest[1024];
};

/* X(result, name, arguments) */
#define LUA_API_COMMON(X) \
    X(int, lua_gettop, (lua_State *)) \
    X(void, lua_settop, (lua_State *, int)) \
    X(void, lua_pushvalue, (lua_State *, int)) \
    X(int, lua_checkstack, (lua_State *, int)) \
    X(int, lua_type, (lua_State *, int)) \
    X(const char *, lua_typename, (lua_State *, int)) \
    X(int, lua_isnumber, (lua_State *, int)) \
    X(int, lua_isstring, (lua_State *, int)) \
    X(int, lua_rawequal, (lua_State *, int, int)) \
    X(int, lua_iscfunction, (lua_State *, int)) \
    X(lua_CFunction, lua_tocfunction, (lua_State *, int)) \
    X(int, lua_status, (lua_State *)) \
    X(int, lua_getstack, (lua_State *, int, lua_Debug *)) \
    X(const void *, lua_topointer, (lua_State *, int)) \
    X(int, lua_next, (lua_State *, int)) \
    X(int, lua_getinfo, (lua_State *, const char *, lua_Debug *)) \
    X(int, lua_toboolean, (lua_State *, int)) \
    X(const char *, lua_tolstring, (lua_State *, int, size_t *)) \
    X(void *, lua_touserdata, (lua_State *, int)) \
    X(lua_State *, lua_tothread, (lua_State *, int)) \
    X(lua_State *, lua_newthread, (lua_State *)) \
    X(int, lua_pushthread, (lua_State *)) \
    X(int, lua_getstack, (lua_State *, int, lua_Debug *)) \
    X(void, lua_xmove, (lua_State *, lua_State *, int)) \
    X(void, lua_pushnil, (lua_State *)) \
    X(void, lua_pushinteger, (lua_State *, lua_Integer)) \
    X(void, lua_pushlstring, (lua_State *, const char *, size_t)) \
    X(void, lua_pushstring, (lua_State *, const char *)) \
    X(const char *, lua_pushfstring, (lua_State *, const char *, ...)) \
    X(void, lua_pushcclosure, (lua_State *, lua_CFunction, int)) \
    X(void, lua_pushboolean, (lua_State *, int)) \
    X(void, lua_pushlightuserdata, (lua_State *, void *)) \
    X(void, lua_getfield, (lua_State *, int, const char *)) \
    X(void, lua_setfield, (lua_State *, int, const char *)) \
    X(void, lua_rawget, (lua_State *, int)) \
    X(void, lua_rawset, (lua_State *, int)) \
    X(void, lua_rawseti, (lua_State *, int, RAW_INDEX)) \
    X(RAW_RESULT, lua_rawgeti, (lua_State *, int, RAW_INDEX)) \
    X(int, lua_setmetatable, (lua_State *, int)) \
    X(void, lua_createtable, (lua_State *, int, int)) \
    X(int, lua_getmetatable, (lua_State *, int)) \
    X(int, lua_error, (lua_State *)) \
    X(void, lua_concat, (lua_State *, int)) \
    X(lua_Alloc, lua_getallocf, (lua_State *, void **)) \
    X(void, lua_setallocf, (lua_State *, lua_Alloc, void *)) \
    X(const char *, lua_setupvalue, (lua_State *, int, int)) \
    X(const char *, lua_getupvalue, (lua_State *, int, int)) \
    X(void, lua_sethook, (lua_State *, lua_Hook, int, int)) \
    X(lua_Hook, lua_gethook, (lua_State *)) \
    X(int, lua_gethookmask, (lua_State *)) \
    X(int, lua_gethookcount, (lua_State *)) \
    X(void, lua_close, (lua_State *)) \
    X(lua_State *, luaL_newstate, (void)) \
    X(void, luaL_where, (lua_State *, int)) \
    X(int, luaL_error, (lua_State *, const char *, ...)) \
    X(int, luaL_argerror, (lua_State *, int, const char *)) \
    X(void, luaL_checktype, (lua_State *, int, int)) \
    X(lua_Integer, luaL_optinteger, (lua_State *, int, lua_Integer)) \
    X(const char *, luaL_checklstring, (lua_State *, int, size_t *)) \
    X(const char *, luaL_optlstring, (lua_State *, int, const char *, size_t *)) \
    X(void, luaL_checktype, (lua_State *, int, int)) \
    X(int, luaL_checkoption, (lua_State *, int, const char *, const char *const *)) \
    X(const char *, luaL_gsub, (lua_State *, const char *, const char *, const char *))

#if LUA_VERSION_NUM == 501
#define LUA_API_CALLS(X) \
    X(lua_Integer, lua_tointeger, (lua_State *, int)) \
    X(double, lua_tonumber, (lua_State *, int)) \
    X(size_t, lua_objlen, (lua_State *, int)) \
    X(void, lua_getfenv, (lua_State *, int)) \
    X(int, lua_load, (lua_State *, lua_Reader, void *, const char *)) \
    X(int, lua_dump, (lua_State *, lua_Writer, void *)) \
    X(void, lua_call, (lua_State *, int, int)) \
    X(int, lua_pcall, (lua_State *, int, int, int)) \
    X(int, lua_cpcall, (lua_State *, lua_CFunction, void *)) \
    X(int, lua_setfenv, (lua_State *, int))
#else
#define LUA_API_CALLS(X) \
    X(lua_Integer, lua_tointegerx, (lua_State *, int, int *)) \
    X(double, lua_tonumberx, (lua_State *, int, int *)) \
    X(int, lua_load, (lua_State *, lua_Reader, void *, const char *, const char *)) \
    X(void, lua_callk, (lua_State *, int, int, lua_Context, lua_Continuation)) \
    X(int, lua_pcallk, (lua_State *, int, int, int, lua_Context, lua_Continuation)) \
    X(int, luaL_loadfilex, (lua_State *, const char *, const char *)) \
    X(int, luaL_loadbufferx, (lua_State *, const char *, size_t, const char *, const char *))
#endif

#if LUA_VERSION_NUM >= 504
#define LUA_API_RESUME(X) X(int, lua_resume, (lua_State *, lua_State *, int, int *))
#elif LUA_VERSION_NUM >= 502
#define LUA_API_RESUME(X) X(int, lua_resume, (lua_State *, lua_State *, int))
#elif defined LUAJIT
#define LUA_API_RESUME(X) X(int, lua_resume, (lua_State *, int))
#else
#define LUA_API_RESUME(X) X(int, lua_resume, (lua_State *, int)) X(void, lua_setlevel, (lua_State *, lua_State *))
#endif

#if LUA_VERSION_NUM == 501 && !defined LUAJIT
#define LUA_API_OWN(X) \
    X(int, luaL_loadfile, (lua_State *, const char *)) \
    X(lua_Integer, luaL_checkinteger, (lua_State *, int)) \
    X(int, luaL_argerror, (lua_State *, int, const char *)) \
    X(void, lua_pushnumber, (lua_State *, double)) \
    X(int, luaL_loadbuffer, (lua_State *, const char *, size_t, const char *))
#elif defined LUAJIT
#define LUA_API_OWN(X) \
    X(int, lua_loadx, (lua_State *, lua_Reader, void *, const char *, const char *)) \
    X(int, luaL_loadfilex, (lua_State *, const char *, const char *)) \
    X(int, luaL_loadbufferx, (lua_State *, const char *, size_t, const char *, const char *)) \
    X(void, luaL_traceback, (lua_State *, lua_State *, const char *, int))
#elif LUA_VERSION_NUM == 502
#define LUA_API_OWN(X) \
    X(unsigned, luaL_checkunsigned, (lua_State *, int)) \
    X(double, luaL_checknumber, (lua_State *, int)) \
    X(int, luaL_argerror, (lua_State *, int, const char *)) \
    X(void, lua_pushnumber, (lua_State *, double)) \
    X(int, lua_dump, (lua_State *, lua_Writer, void *)) \
    X(void, luaL_traceback, (lua_State *, lua_State *, const char *, int))
#elif LUA_VERSION_NUM == 503
#define LUA_API_OWN(X) \
    X(lua_Integer, luaL_checkinteger, (lua_State *, int)) \
    X(double, luaL_checknumber, (lua_State *, int)) \
    X(int, luaL_argerror, (lua_State *, int, const char *)) \
    X(void, lua_pushnumber, (lua_State *, double)) \
    X(int, lua_dump, (lua_State *, lua_Writer, void *, int)) \
    X(void, luaL_traceback, (lua_State *, lua_State *, const char *, int))
#else
#define LUA_API_OWN(X) \
    X(int, lua_dump, (lua_State *, lua_Writer, void *, int)) \
    X(void, luaL_traceback, (lua_State *, lua_State *, const char *, int))
#endif

#if LUA_VERSION_NUM >= 504
#define LUA_API_GC(X) \
    X(int, lua_gc, (lua_State *, int, ...)) \
    X(const char *, luaL_tolstring, (lua_State *, int, size_t *)) \
    X(void *, lua_newuserdatauv, (lua_State *, size_t, int)) \
    X(int, luaL_typeerror, (lua_State *, int, const char *)) \
    X(void, lua_setwarnf, (lua_State *, lua_WarnFunction, void *)) \
    X(int, lua_setiuservalue, (lua_State *, int, int)) \
    X(int, lua_getiuservalue, (lua_State *, int, int))
#else
#define LUA_API_GC(X) X(int, lua_gc, (lua_State *, int, int)) X(void *, lua_newuserdata, (lua_State *, size_t))
#endif

#if LUA_VERSION_NUM == 505
#define LUA_API_LIBRARIES(X) \
    X(lua_State *, lua_newstate, (lua_Alloc, void *, unsigned)) \
    X(unsigned, luaL_makeseed, (lua_State *)) \
    X(void, luaL_openselectedlibs, (lua_State *, int, int)) \
    X(const char *, lua_pushexternalstring, (lua_State *, const char *, size_t, lua_Alloc, void *))
#define open_libraries(L) luaL_openselectedlibs(L, ~0, 0)
#elif LUA_VERSION_NUM == 504
#define LUA_API_LIBRARIES(X) \
    X(lua_State *, lua_newstate, (lua_Alloc, void *)) \
    X(void, luaL_openlibs, (lua_State *))
#define open_libraries(L) luaL_openlibs(L)
#else
#define LUA_API_LIBRARIES(X) X(void, luaL_openlibs, (lua_State *))
#define open_libraries(L) luaL_openlibs(L)
#endif

#if LUA_VERSION_NUM <= 502
#define LUA_API_MOVE(X) X(void, lua_replace, (lua_State *, int))
#define move_top(L, at) lua_replace(L, at)
#else
#define LUA_API_MOVE(X) X(void, lua_copy, (lua_State *, int, int))
#define move_top(L, at) (lua_copy(L, -1, at), lua_pop(L, 1))
#endif

#if LUA_VERSION_NUM >= 504
#define LUA_API_RAW(X) X(int, lua_isinteger, (lua_State *, int)) X(unsigned long long, lua_rawlen, (lua_State *, int))
#elif LUA_VERSION_NUM == 503
#define LUA_API_RAW(X) \
    X(int, lua_isinteger, (lua_State *, int)) \
    X(size_t, lua_rawlen, (lua_State *, int)) \
    X(int, lua_getuservalue, (lua_State *, int))
#elif LUA_VERSION_NUM == 502
#define LUA_API_RAW(X) X(size_t, lua_rawlen, (lua_State *, int)) X(void, lua_getuservalue, (lua_State *, int))
#else
#define LUA_API_RAW(X)
#endif

#define LUA_API(X) LUA_API_LIBRARIES(X) LUA_API_MOVE(X) LUA_API_RESUME(X) LUA_API_RAW(X) LUA_API_COMMON(X) LUA_API_CALLS(X) LUA_API_OWN(X) LUA_API_GC(X)

#define DECLARE(result, name, arguments) static result(*name) arguments;
LUA_API(DECLARE)
#undef DECLARE
#if LUA_VERSION_NUM >= 504
static int (*lua_closethread)(lua_State *, lua_State *); /* NULL before 5.4.6 */
static int (*lua_resetthread)(lua_State *);              /* NULL in 5.5 */
#endif

#define lua_pop(L, n) lua_settop(L, -(n)-1)
#define lua_tostring(L, i) lua_tolstring(L, i, NULL)
#define lua_isnone(L, i) (lua_type(L, i) == LUA_TNONE)
#define lua_isnoneornil(L, i) (lua_type(L, i) <= LUA_TNIL)

#if LUA_VERSION_NUM == 501
#define plain_call(L, n, r) lua_call(L, n, r)
#define protected_call(L, n, r, handler) lua_pcall(L, n, r, handler)
#define load_chunk(L, reader, data, name) lua_load(L, reader, data, name)
#define load_any(L, reader, data, name) lua_load(L, reader, data, name)
#define to_integer(L, i) lua_tointeger(L, i)
#define to_number(L, i) lua_tonumber(L, i)
#define raw_length(L, i) lua_objlen(L, i)
#else
#define plain_call(L, n, r) lua_callk(L, n, r, 0, NULL)
#define protected_call(L, n, r, handler) lua_pcallk(L, n, r, handler, 0, NULL)
#define load_chunk(L, reader, data, name) lua_load(L, reader, data, name, "b")
#define load_any(L, reader, data, name) lua_load(L, reader, data, name, NULL)
#define to_integer(L, i) lua_tointegerx(L, i, NULL)
#define to_number(L, i) lua_tonumberx(L, i, NULL)
#define raw_length(L, i) lua_rawlen(L, i)
#endif

#if LUA_VERSION_NUM >= 503
#define dump_chunk(L, writer, data) lua_dump(L, writer, data, 0)
#else
#define dump_chunk(L, writer, data) lua_dump(L, writer, data)
#endif

/* Bytes the state's collector counts. */
static size_t counted_bytes(lua_State *L)
{
    return (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
}

/* Calls a function that has no upvalues with one light userdata, from outside of any protected call. */
static int protected_start(lua_State *L, lua_CFunction function, void *argument)
{
#if LUA_VERSION_NUM == 501
    return lua_cpcall(L, function, argument);
#else
    lua_pushcclosure(L, function, 0); /* without upvalues it needs no memory */
    lua_pushlightuserdata(L, argument);
    return protected_call(L, 1, 0, 0);
#endif
}

/* See lua_side.h. */
#define LUA_TAG luajit20
#define LUA_INDEX LUAJIT20
#define LUA_VERSION_NUM 501
#define LUAJIT 20
#include "lua_side.h"

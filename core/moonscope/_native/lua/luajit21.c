/* See lua/per_lua.inc.h. */
#define LUA_TAG luajit21
#define LUA_INDEX LUAJIT21
#define LUA_VERSION_NUM 501
#define LUAJIT 21
#include "lua/per_lua.inc.h"

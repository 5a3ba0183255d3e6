/* See lua/per_lua.inc.h. */
#define LUA_TAG luajit20
#define LUA_INDEX LUAJIT20
#define LUA_VERSION_NUM 501
#define LUAJIT 20
#include "lua/per_lua.inc.h"

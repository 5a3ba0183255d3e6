/* See lua_side.h. */
#define LUA_TAG lua52
#define LUA_INDEX LUA52
#define LUA_VERSION_NUM 502
#include "lua_side.h"

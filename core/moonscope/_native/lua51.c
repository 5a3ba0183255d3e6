/* See lua_side.h. */
#define LUA_TAG lua51
#define LUA_INDEX LUA51
#define LUA_VERSION_NUM 501
#include "lua_side.h"

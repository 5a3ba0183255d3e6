/* See lua/per_lua.inc.h. */
#define LUA_TAG lua51
#define LUA_INDEX LUA51
#define LUA_VERSION_NUM 501
#include "lua/per_lua.inc.h"

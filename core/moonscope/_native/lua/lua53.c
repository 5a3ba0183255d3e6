/* See lua/per_lua.inc.h. */
#define LUA_TAG lua53
#define LUA_INDEX LUA53
#define LUA_VERSION_NUM 503
#include "lua/per_lua.inc.h"

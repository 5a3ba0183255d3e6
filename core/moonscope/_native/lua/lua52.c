/* See lua/per_lua.inc.h. */
#define LUA_TAG lua52
#define LUA_INDEX LUA52
#define LUA_VERSION_NUM 502
#include "lua/per_lua.inc.h"

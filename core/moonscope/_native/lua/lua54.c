/* See lua/per_lua.inc.h. */
#define LUA_TAG lua54
#define LUA_INDEX LUA54
#define LUA_VERSION_NUM 504
#include "lua/per_lua.inc.h"

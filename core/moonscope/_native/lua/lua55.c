/* See lua/per_lua.inc.h. */
#define LUA_TAG lua55
#define LUA_INDEX LUA55
#define LUA_VERSION_NUM 505
#include "lua/per_lua.inc.h"

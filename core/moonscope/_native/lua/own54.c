/* See lua/per_lua.inc.h. Lua 5.4 of Moonscope's own runtime. */
#define LUA_TAG own54
#define LUA_INDEX OWN54
#define LUA_VERSION_NUM 504
#include "lua/per_lua.inc.h"

/* See lua/per_lua.inc.h. Lua 5.5 of Moonscope's own runtime. */
#define LUA_TAG own55
#define LUA_INDEX OWN55
#define LUA_VERSION_NUM 505
#include "lua/per_lua.inc.h"

/* The words that every VM has of its own: a VM that made one before it was frozen can not run a file that mentions it
   (direct_fits), so they are all frozen before there is any VM. They are not listed but found: in a VM that was spawned,
   attached, and has failed in every way, whatever it made itself. The script touches nothing outside of its VM: it reads no
   standard input, and finds no file of the user's. */
#pragma once

#include "cache/cache.h"
#include "cache/moonscope.h"
#include "lua/lua.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/layout.inc.h"
#include "lua/vocabulary.inc.h"
#include "lua/direct.inc.h"
#include "lua/run.inc.h"
#include "lua/attach.inc.h"

static const char experience[] =
    "collectgarbage('stop') local function try(f, ...) return pcall(f, ...) end\n" /* or what is garbage would be missed */
    "package.path, package.cpath = '/dev/null/?.lua', '/dev/null/?.so'\n" /* nothing of the user's is found, and run */
    "local object = setmetatable({}, {__tostring = function() return 'object' end, __name = 'object', __metatable = false,\n"
    "    __pairs = function() return next, {}, nil end, __mode = 'kv', __len = function() return 0 end})\n"
    "tostring(object) getmetatable(object) try(pairs, object) try(print) table.pack(1) table.unpack({}, 1, 1)\n"
    "for _, value in ipairs({1, 1.5, 'text', true, false, {}, print, coroutine.create(print)}) do\n"
    "  local global\n"
    "  type(value) math.type(value) tostring(value)\n"
    "  try(function() return value.field.field end) try(function() return undefined.field end)\n"
    "  try(function() return value + {} end) try(function() return {} .. value end) try(function() return value < {} end)\n"
    "  try(function() return #value end) try(function() return -value end) try(function() return value() end)\n"
    "  try(function() return value | 1.5 end) try(function() value:method() end) try(function() value.field = 1 end)\n"
    "  try(function() for i = value, value do break end end) try(function() for k in value do break end end)\n"
    "  try(function() object[nil] = value end) try(function() return 1 // 0, 1 % 0 end) try(error, value) try(error)\n"
    "  for _, library in pairs(package.loaded) do\n"
    "    for name, f in pairs(library) do\n"
    "      if type(f) == 'function' and library ~= io and library ~= os and name ~= 'setlocale' and library ~= debug and\n"
    "         library ~= package and library ~= coroutine and library ~= package.loaded['skynet.codecache'] and\n"
    "         not ({collectgarbage = 1, dofile = 1, loadfile = 1, warn = 1, print = 1})[name] then\n"
    "        try(f) try(f, value) try(f, value, value) try(f, object)\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "for _, text in ipairs({'x =', 'x = = 1', 'for', '\\'', '[[', '1x', '\\'\\\\q\\'', 'goto x', 'break', '::x:: ::x::', '<', '@',\n"
    "    'local x <const> = 1 x = 2', 'local x <close> = 1', 'local x <y> = 1', 'return ...', 'if x then'}) do\n"
    "  load(text) load(text, '=text') try(load(text) or error)\n"
    "end\n"
    "for token in ('and break do else elseif end false for function global goto if in local nil not or repeat return then true '\n"
    "    .. 'until while + - * / // % ^ # == ~= <= >= < > = ( ) { } [ ] :: ; : , . .. ...'):gmatch('%S+') do\n"
    "  load('x = ' .. token)\n"
    "end\n"
    "for _, name in ipairs({'error', 'assert', 'dofile', 'require', 'loadfile', 'load', 'pcall', 'select', 'setmetatable',\n"
    "    'tostring', 'tonumber', 'ipairs', 'pairs', 'next', 'print', 'type', 'rawget', 'rawset', 'rawlen', 'rawequal'}) do\n"
    "  xpcall(load(name .. '({}, \\'/dev/null/missing\\')', '=x'), debug.traceback)\n"
    "  xpcall(load(name .. '(\\'/dev/null/missing\\')', '=x'), debug.traceback)\n"
    "end\n"
    "for _, path in ipairs({'/', '/dev/null', '/dev/null/missing'}) do\n"
    "  loadfile(path) loadfile(path, 't', {}) try(dofile, path) try(require, path) io.open(path) try(io.lines, path)\n"
    "  os.remove('/dev/null/missing') os.rename('/dev/null/missing', '/dev/null/missing') package.searchpath('x', path)\n"
    "end\n"
    "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = error}) coroutine.yield() end)\n"
    "coroutine.resume(co) coroutine.status(co) coroutine.close(co) coroutine.isyieldable() coroutine.running()\n"
    "try(coroutine.wrap(error)) try(coroutine.resume) coroutine.status(coroutine.create(print)) try(coroutine.close)\n"
    "debug.getinfo(1) debug.getlocal(1, 1) debug.traceback('x') debug.gethook() debug.sethook(print, 'crl') debug.gethook()\n"
    "debug.sethook() debug.getupvalue(try, 1) os.date('*t') os.date('!*t') os.clock() os.getenv('HOME') try(os.time, {})\n"
    "io.type(io.stdout) io.type(1) try(io.lines) tostring(io.stdout) try(io.write, object) try(io.read, 'x') io.output()\n"
    "try(string.format, '%d', 1.5) try(string.rep, 'x', -1) try(string.pack, 'i17', 1) try(table.concat, {{}}) \n"
    "try(collectgarbage, 'x') collectgarbage('count') try(select, 0) try(require, 'skynet.codecache') try(require, 'missing')\n"
    "require('codecache').mode() require('skynet.codecache') try(require('codecache').mode, 'x')\n"
    "try(string.rep, 'x', 1 << 46)\n";

/* What lupa puts into every state besides, and what is garbage before a VM runs anything. */
static const char *const other_words[] = {
    "python", "POBJECT", "Py_None", "none", "eval", "builtins", "args", "as_attrgetter", "as_itemgetter", "as_function",
    "iter", "iterex", "enumerate", "v", "l", "e", "t", "<python>", "set_overflow_handler",
    "LUPA_NUMBER_OVERFLOW_CALLBACK_FUNCTION", "LUPA_PYTHON_REFERENCES_TABLE",
    "LUA_PATH_5_4", "LUA_CPATH_5_4", "LUA_PATH_5_5", "LUA_CPATH_5_5", "return ", "stack overflow", "local 'f'",
};

/* This use is never given back. */
static bool keep_word(const struct string_layout *string)
{
    pthread_mutex_lock(&vocabulary.lock);
    bool kept = vocabulary_use(string, word_hash(string)) != NULL;
    pthread_mutex_unlock(&vocabulary.lock);
    return kept;
}

struct base_words {
    lua_CFunction own_strings; /* the runtime's */
    bool kept;
};

static void freeze_text(struct base_words *base, lua_State *L, const char *text, size_t length)
{
    lua_pushlstring(L, text, length);
    base->kept = keep_word(string_at(L, -1)) && base->kept;
    lua_pop(L, 1);
}

/* Argument: struct base_words. Raises when there is no memory. */
static int keep_own_strings(lua_State *L)
{
    struct base_words *base = lua_touserdata(L, 1);
    base->kept = true;
    for (size_t i = 0; i < sizeof other_words / sizeof *other_words; i++)
        freeze_text(base, L, other_words[i], strlen(other_words[i]));
    for (int byte = 0; byte < 256; byte++) { /* libraries and the lexer make these all the time */
        const char text = (char)byte;
        freeze_text(base, L, &text, 1);
    }
    lua_settop(L, 1);
    lua_pushcclosure(L, base->own_strings, 0);
    plain_call(L, 0, 1);
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TSTRING; i++) {
        base->kept = keep_word(string_at(L, -1)) && base->kept;
        lua_pop(L, 1);
    }
    return 0;
}

/* Argument: struct base_words. */
static bool live_and_tell(struct vm *vm, lua_State *L, void *argument)
{
    struct base_words *base = argument;
    struct request request = {.vm = vm, .kind = REQUEST_EXECUTE, .chunkname = "=console", .chunkname_length = 8};
    request.text = experience;
    request.length = sizeof experience - 1;
    enter(&request);
    static const char *const failures[] = {"error('x', 0)", "error({})", "x = ="};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        request.text = failures[i];
        request.length = strlen(request.text);
        enter(&request);
    }
    base->kept = false;
    return protected_start(L, keep_own_strings, base) == LUA_OK && base->kept;
}

/* Calls `work` with a VM that is ready to run scripts, and is attached to a cache of nobody. False: no memory, or `work`
   said so. */
static bool in_fresh_vm(bool (*work)(struct vm *, lua_State *, void *), void *argument)
{
    const struct tier *const no_tiers[TIERS] = {NULL};
    struct cache *cache = cache_new(LUA_INDEX, no_tiers, false, 64);
    struct birth birth = {.vm = cache != NULL ? vm_new(cache, 0, true) : NULL, .search_path = ""};
    lua_State *L = birth.vm != NULL ? spawn(&birth) : NULL;
    bool done = L != NULL && work(birth.vm, L, argument);
    if (L != NULL)
        lua_close(L);
    if (birth.vm != NULL)
        vm_release(birth.vm);
    if (cache != NULL)
        cache_release(cache);
    return done;
}

/* Sets *(size_t *)bytes to what a VM holds before it loads or runs anything. */
static bool weigh(struct vm *vm, lua_State *L, void *bytes)
{
    struct request request = {.vm = vm, .kind = REQUEST_COLLECT};
    bool done = enter(&request) == STATUS_OK;
    *(size_t *)bytes = counted_bytes(L);
    return done;
}

static size_t weight_before; /* there were base words */

static bool make_base_words(lua_CFunction own_strings)
{
    struct base_words base = {own_strings, false};
    bool made = in_fresh_vm(weigh, &weight_before) && in_fresh_vm(live_and_tell, &base);
    vocabulary.base = atomic_load(&vocabulary.bytes);
    return made;
}

/* Once states find them: what a VM holds less because they are shared. */
static void measure_base_words(void)
{
    size_t weight = 0;
    if (in_fresh_vm(weigh, &weight) && weight < weight_before)
        vocabulary.spared = weight_before - weight;
}

/* Loading that refuses binary chunks: malformed ones can crash any Lua.

   A chunk is binary when its first byte is ESC. Lua 5.2 and later check that themselves when they are given a mode; 5.1 has
   no modes, so its bytes are looked at on their way to the compiler. Errors are worded as the stock functions word them. */
#pragma once

#include "lua/api.inc.h"

#define BINARY_REFUSED "attempt to load a binary chunk (mode is 't')"
enum { LUA_ERRSYNTAX = 3 };

#if LUA_VERSION_NUM == 501 && !defined LUAJIT

enum { ESCAPE = 0x1b, LUA_ERRFILE = 6 };

/* Instead of the function that came of what was let through: the error. */
static int refused(lua_State *L, int result)
{
    lua_settop(L, result - 1);
    lua_pushstring(L, BINARY_REFUSED);
    return LUA_ERRSYNTAX;
}

struct text_file {
    FILE *file;
    bool begun, binary;
    char block[1024];
};

/* The first line of a file is left out when it begins with '#', its end is not. */
static const char *begin_text_file(struct text_file *text, size_t *length)
{
    int c = getc(text->file);
    bool comment = c == '#';
    while (comment && c != EOF && c != '\n')
        c = getc(text->file);
    int next = comment && c != EOF ? getc(text->file) : c;
    text->binary = next == ESCAPE;
    if (!text->binary && next != EOF)
        ungetc(next, text->file);
    *length = comment && !text->binary ? 1 : 0;
    return "\n";
}

static const char *read_text_file(lua_State *L, void *data, size_t *length)
{
    (void)L;
    struct text_file *text = data;
    *length = 0;
    if (!text->begun) {
        text->begun = true;
        const char *line = begin_text_file(text, length);
        if (*length > 0)
            return line;
    }
    if (!text->binary)
        *length = fread(text->block, 1, sizeof text->block, text->file);
    return *length > 0 ? text->block : NULL;
}

/* As luaL_loadfile. `name` NULL: standard input. */
static int load_text_file(lua_State *L, const char *name, const char *mode)
{
    (void)mode;
    struct text_file text = {.file = stdin};
    int result = lua_gettop(L) + 1;
    if (name != NULL)
        lua_pushfstring(L, "@%s", name);
    else
        lua_pushlstring(L, "=stdin", 6);
    if (name != NULL && (text.file = fopen(name, "r")) == NULL) {
        lua_pushfstring(L, "cannot open %s: %s", name, strerror(errno));
        move_top(L, result);
        return LUA_ERRFILE;
    }
    int status = lua_load(L, read_text_file, &text, lua_tostring(L, result)); /* which raises nothing */
    bool failed = ferror(text.file) != 0;
    int number = errno;
    if (name != NULL)
        fclose(text.file);
    if (failed) {
        lua_settop(L, result);
        lua_pushfstring(L, "cannot read %s: %s", lua_tostring(L, result) + 1, strerror(number));
        status = LUA_ERRFILE;
    }
    if (text.binary)
        return refused(L, result);
    move_top(L, result);
    return status;
}

static int load_text(lua_State *L, const char *text, size_t length, const char *name)
{
    if (length > 0 && text[0] == ESCAPE)
        return refused(L, lua_gettop(L) + 1);
    return luaL_loadbuffer(L, text, length, name);
}

#else

static int load_text(lua_State *L, const char *text, size_t length, const char *name)
{
    return luaL_loadbufferx(L, text, length, name, "t");
}

/* What is left of a mode without binary chunks. "": no chunk at all. */
static const char *text_mode(const char *mode)
{
    return mode == NULL || strchr(mode, 't') != NULL ? "t" : "";
}

/* After a load by text_mode(mode): the error on top names the mode that was asked for. */
static void word_refusal(lua_State *L, const char *mode, int status)
{
    if (status == LUA_ERRSYNTAX && mode != NULL && strchr(mode, 't') == NULL) {
        const char *text = luaL_gsub(L, lua_tostring(L, -1), "binary chunk (mode is '')", "binary chunk (mode is 't')");
        luaL_gsub(L, text, "(mode is '')", lua_pushfstring(L, "(mode is '%s')", mode));
        move_top(L, lua_gettop(L) - 3);
        lua_pop(L, 2);
    }
}

/* As luaL_loadfilex. */
static int load_text_file(lua_State *L, const char *name, const char *mode)
{
    int status = luaL_loadfilex(L, name, text_mode(mode));
    word_refusal(L, mode, status);
    return status;
}

#endif

/* Results of a function that loads: the function, its environment set to the value at an index (0: none), or nil and the
   error on top. */
static int load_results(lua_State *L, int status, int environment)
{
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_pushvalue(L, -2);
        return 2;
    }
#if LUA_VERSION_NUM == 501
    if (environment != 0 && lua_type(L, environment) == LUA_TTABLE) {
        lua_pushvalue(L, environment);
        lua_setfenv(L, -2);
    }
#else
    if (environment != 0) {
        lua_pushvalue(L, environment);
        if (lua_setupvalue(L, -2, 1) == NULL)
            lua_pop(L, 1);
    }
#endif
    return 1;
}

/* `load` (and until 5.2 `loadstring`) of a VM whose libraries load no binary chunks. */

enum { PIECE = 5 }; /* stack index that keeps the piece in use */

struct pieces {
    bool begun, binary;
};

/* Calls the function at index 1 for the next piece. */
static const char *read_piece(lua_State *L, void *data, size_t *length)
{
    struct pieces *pieces = data;
    if (!lua_checkstack(L, 4))
        luaL_error(L, "stack overflow (too many nested functions)");
    *length = 0;
    lua_pushvalue(L, 1);
    plain_call(L, 0, 1);
    if (lua_type(L, -1) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "reader function must return a string");
    move_top(L, PIECE);
    const char *piece = lua_tolstring(L, PIECE, length);
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    if (!pieces->begun && *length > 0 && piece[0] == ESCAPE) {
        pieces->binary = true;
        *length = 0;
    }
#endif
    pieces->begun = pieces->begun || *length > 0;
    return *length > 0 ? piece : NULL;
}

#if LUA_VERSION_NUM == 501 && !defined LUAJIT

static int text_load(lua_State *L)
{
    struct pieces pieces = {false, false};
    const char *name = luaL_optlstring(L, 2, "=(load)", NULL);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, PIECE);
    int status = lua_load(L, read_piece, &pieces, name);
    return load_results(L, pieces.binary ? refused(L, PIECE + 1) : status, 0);
}

static int text_loadstring(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    const char *name = luaL_optlstring(L, 2, text, NULL);
    return load_results(L, load_text(L, text, length, name), 0);
}

#else

#ifdef LUAJIT
#define load_pieces(L, pieces, name, mode) lua_loadx(L, read_piece, pieces, name, mode)
#else
#define load_pieces(L, pieces, name, mode) lua_load(L, read_piece, pieces, name, mode)
#endif

static int text_load(lua_State *L)
{
    struct pieces pieces = {false, false};
    size_t length;
    bool whole = lua_isstring(L, 1) != 0;
    const char *text = whole ? lua_tolstring(L, 1, &length) : "=(load)";
    int environment = lua_isnone(L, 4) ? 0 : 4, status;
    const char *mode = luaL_optlstring(L, 3, NULL, NULL);
    const char *name = luaL_optlstring(L, 2, text, NULL);
    if (whole) {
        status = luaL_loadbufferx(L, text, length, name, text_mode(mode));
    } else {
        luaL_checktype(L, 1, LUA_TFUNCTION);
        lua_settop(L, PIECE);
        status = load_pieces(L, &pieces, name, text_mode(mode));
    }
    word_refusal(L, mode, status);
    return load_results(L, status, environment);
}

#define text_loadstring text_load
#endif

/* Loading from a pipe, a terminal or another device of characters, as the stock loader does it. There both opening and
   reading wait for what others write, perhaps for ever: here an interrupt or a budget of time ends the wait. The header is
   treated as this Lua does: a first line that starts with '#' is skipped, from 5.2 on a byte-order mark before it, too;
   LuaJIT's compiler does that itself. */

enum { STREAM_WAIT_MS = 20, HEADER = 4 /* bytes that tell what a file begins with */ };

struct stream {
    struct vm *vm;
    int fd;
    int error;     /* errno of a failed read; 0: none */
    bool begun, stopped, refused;
    bool refuse_binary; /* 5.1 has no modes */
    size_t start, length; /* bytes of the block that were not given out */
    char block[1024];
};

/* Is this name one of those? */
static bool is_stream(const char *name)
{
    struct stat info;
    return stat(name, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode));
}

static bool await_input(struct stream *stream)
{
    struct pollfd wanted = {.fd = stream->fd, .events = POLLIN};
    while (atomic_load(&stream->vm->stop) == REASON_NONE)
        if (poll(&wanted, 1, STREAM_WAIT_MS) > 0)
            return true;
    stream->stopped = true;
    return false;
}

/* Appends to the block. False: no more comes, or there is no room. */
static bool read_more(struct stream *stream)
{
    while (stream->length < sizeof stream->block && stream->error == 0 && await_input(stream)) {
        ssize_t size = read(stream->fd, stream->block + stream->length, sizeof stream->block - stream->length);
        if (size >= 0) {
            stream->length += (size_t)size;
            return size > 0;
        }
        if (errno != EAGAIN && errno != EINTR)
            stream->error = errno;
    }
    return false;
}

#ifdef LUAJIT
static void skip_header(struct stream *stream)
{
    (void)stream;
}
#else
static void skip_header(struct stream *stream)
{
    while (stream->length < HEADER && read_more(stream))
        ;
#if LUA_VERSION_NUM >= 502
    if (stream->length >= 3 && memcmp(stream->block, "\xEF\xBB\xBF", 3) == 0)
        stream->start = 3;
#endif
    if (stream->start < stream->length && stream->block[stream->start] == '#')
        for (;;) { /* the end of the line stays */
            char *end = memchr(stream->block + stream->start, '\n', stream->length - stream->start);
            stream->start = end != NULL ? (size_t)(end - stream->block) : 0;
            if (end != NULL)
                break;
            stream->length = 0;
            if (!read_more(stream))
                break;
        }
#if LUA_VERSION_NUM == 501
    size_t first = stream->start;
    if (first < stream->length && stream->block[first] == '\n' && (first + 1 < stream->length || read_more(stream)))
        first++;
    stream->refused = stream->refuse_binary && first < stream->length && stream->block[first] == ESCAPE;
#endif
}
#endif

static const char *read_stream(lua_State *L, void *data, size_t *length)
{
    (void)L;
    struct stream *stream = data;
    if (!stream->begun)
        skip_header(stream);
    stream->begun = true;
    if (stream->start == stream->length && !stream->refused) {
        stream->start = stream->length = 0;
        read_more(stream);
    }
    const char *text = stream->block + stream->start;
    *length = stream->refused || stream->stopped ? 0 : stream->length - stream->start;
    stream->start = stream->length;
    return *length > 0 ? text : NULL;
}

static int load_by_mode(lua_State *L, struct stream *stream, const char *chunkname, const char *mode, bool refuse_binary)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    (void)mode;
    (void)refuse_binary;
    return lua_load(L, read_stream, stream, chunkname);
#else
    const char *allowed = refuse_binary ? text_mode(mode) : mode;
#ifdef LUAJIT
    int status = lua_loadx(L, read_stream, stream, chunkname, allowed);
#else
    int status = lua_load(L, read_stream, stream, chunkname, allowed);
#endif
    if (refuse_binary)
        word_refusal(L, mode, status);
    return status;
#endif
}

/* As luaL_loadfilex. */
static int load_stream(lua_State *L, struct vm *vm, const char *name, const char *mode, bool refuse_binary)
{
    struct stream stream = {.vm = vm, .refuse_binary = refuse_binary};
    int result = lua_gettop(L) + 1;
    const char *chunkname = lua_pushfstring(L, "@%s", name);
    stream.fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (stream.fd < 0) {
        lua_pushfstring(L, "cannot open %s: %s", name, strerror(errno));
        move_top(L, result);
        return LUA_ERRFILE;
    }
    int status = load_by_mode(L, &stream, chunkname, mode, refuse_binary); /* which raises nothing */
    close(stream.fd);
    if (stream.error != 0) {
        lua_settop(L, result);
        lua_pushfstring(L, "cannot read %s: %s", name, strerror(stream.error));
        status = LUA_ERRFILE;
    } else if (stream.stopped) { /* the run ends at its next instruction */
        lua_settop(L, result);
        lua_pushlstring(L, "interrupted", 11);
        status = LUA_ERRRUN;
    }
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    if (stream.refused)
        return refused(L, result);
#endif
    move_top(L, result);
    return status;
}

/* What a managed VM prints is captured, and os.exit ends its run, not the process. */

#if LUA_VERSION_NUM >= 504
#define plain_text(L, index, length) luaL_tolstring(L, index, length)
#define printed_text(L, index, length) luaL_tolstring(L, index, length)
#else
/* The value at an index as the function on top of the stack words it; NULL when that gives no string. */
static const char *text_by(lua_State *L, int index, size_t *length)
{
    lua_pushvalue(L, index);
    plain_call(L, 1, 1);
    return lua_tolstring(L, -1, length);
}

static const char *plain_text(lua_State *L, int index, size_t *length)
{
    get_kept(L, &tostring_key);
    return text_by(L, index, length);
}

/* Until 5.3 `print` asks the global `tostring`. */
static const char *printed_text(lua_State *L, int index, size_t *length)
{
    get_kept(L, &globals_key);
    lua_getfield(L, -1, "tostring");
    return text_by(L, index, length);
}
#endif

static int captured_print(lua_State *L)
{
    struct vm *vm = own_vm(L);
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        size_t length;
        const char *text = printed_text(L, i, &length);
        if (text == NULL)
            return luaL_error(L, "'tostring' must return a string to 'print'");
        if (i > 1)
            vm_print(vm, "\t", 1);
        vm_print(vm, text, length);
        lua_settop(L, count);
    }
    vm_print(vm, "\n", 1);
    return 0;
}

/* Upvalues of the writers: the VM, the stock function, io.stdout, io.stderr, and for io.write the stock io.output. */
enum { UPVALUE_STOCK = 2, UPVALUE_STDOUT = 3, UPVALUE_STDERR = 4, UPVALUE_OUTPUT = 5 };

static bool is_console(lua_State *L, int index)
{
    return lua_rawequal(L, index, lua_upvalueindex(UPVALUE_STDOUT)) ||
           lua_rawequal(L, index, lua_upvalueindex(UPVALUE_STDERR));
}

static int call_stock(lua_State *L)
{
    int arguments = lua_gettop(L);
    if (!lua_checkstack(L, arguments + 1))
        return luaL_error(L, "stack overflow");
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_STOCK));
    for (int i = 1; i <= arguments; i++)
        lua_pushvalue(L, i);
    plain_call(L, arguments, LUA_MULTRET);
    return lua_gettop(L) - arguments;
}

static void capture_arguments(lua_State *L, int first)
{
    int count = lua_gettop(L);
    for (int i = first; i <= count; i++) {
        size_t length;
        const char *text = luaL_checklstring(L, i, &length);
        vm_print(own_vm(L), text, length);
    }
}

/* io.write: to the default output, which is the console until io.output changes it. */
static int captured_io_write(lua_State *L)
{
    int count = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_OUTPUT));
    plain_call(L, 0, 1);
    bool console = is_console(L, -1);
    lua_settop(L, count);
    if (!console)
        return call_stock(L);
    capture_arguments(L, 1);
#if LUA_VERSION_NUM == 501
    lua_pushboolean(L, 1);
#else
    lua_pushvalue(L, lua_upvalueindex(UPVALUE_STDOUT));
#endif
    return 1;
}

/* file:write */
static int captured_file_write(lua_State *L)
{
    if (lua_gettop(L) == 0 || !is_console(L, 1))
        return call_stock(L);
    capture_arguments(L, 2);
#if LUA_VERSION_NUM == 501
    lua_pushboolean(L, 1);
#else
    lua_pushvalue(L, 1);
#endif
    return 1;
}

static int captured_exit(lua_State *L)
{
    struct vm *vm = own_vm(L);
    int type = lua_type(L, 1);
    if (type > LUA_TNIL && type != LUA_TBOOLEAN && !lua_isnumber(L, 1))
        return luaL_error(L, "bad argument #1 to 'exit' (number expected, got %s)", lua_typename(L, type));
    if (type == LUA_TBOOLEAN)
        vm->exit_code = lua_toboolean(L, 1) ? 0 : 1;
    else
        vm->exit_code = lua_isnoneornil(L, 1) ? 0 : (int)to_integer(L, 1);
    return stop_now(L, vm, REASON_EXIT);
}

/* With the function to replace as field `name` of the table at `table`, and the io library at `io`. */
static void capture_writer(lua_State *L, struct vm *vm, int table, const char *name, int io, lua_CFunction writer)
{
    lua_pushlightuserdata(L, vm);
    lua_getfield(L, table, name);
    lua_getfield(L, io, "stdout");
    lua_getfield(L, io, "stderr");
    lua_getfield(L, io, "output");
    lua_pushcclosure(L, writer, 5);
    lua_setfield(L, table, name);
}

/* Expects the io library on top and leaves it there. */
static void capture_io(lua_State *L, struct vm *vm)
{
    int io = lua_gettop(L);
    capture_writer(L, vm, io, "write", io, captured_io_write);
    lua_getfield(L, io, "stdout");
    if (lua_getmetatable(L, -1)) { /* all files share it; __index is the table of methods */
        lua_getfield(L, -1, "__index");
        if (lua_type(L, -1) == LUA_TTABLE)
            capture_writer(L, vm, lua_gettop(L), "write", io, captured_file_write);
    }
    lua_settop(L, io);
}

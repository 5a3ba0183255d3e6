/* The functions that the owner of a managed VM calls: execute, load, collect. They never raise; what came of it is
   kept in the VM record. */

static const char kept_key; /* registry: table name → function, what `load` keeps */

/* From the function that raised: level 0 is the message handler (for 5.1's debug.traceback, itself). */
static void push_traceback(lua_State *L)
{
#if LUA_VERSION_NUM == 501 && !defined LUAJIT
    lua_getfield(L, LUA_REGISTRYINDEX, "moonscope.traceback");
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushlstring(L, "", 0);
        lua_pushinteger(L, 2);
        plain_call(L, 2, 1);
    }
#else
    luaL_traceback(L, L, NULL, 1);
#endif
}

/* The message handler: keeps the message as a person would read it, and the traceback. */
static int keep_failure(lua_State *L)
{
    struct vm *vm = own_vm(L);
    size_t length = 0, traceback_length = 0;
    lua_settop(L, 1);
    if (!lua_isstring(L, 1)) {
        bool worded = false;
        if (lua_getmetatable(L, 1)) {
            lua_getfield(L, -1, "__tostring");
            worded = lua_type(L, -1) == LUA_TFUNCTION;
            lua_settop(L, 1);
        }
        if (worded)
            to_text(L, 1, &length);
        else
            lua_pushfstring(L, "(error object is a %s value)", lua_typename(L, lua_type(L, 1)));
    }
    const char *message = lua_tolstring(L, -1, &length);
    int text = lua_gettop(L);
    push_traceback(L);
    const char *traceback = lua_tolstring(L, -1, &traceback_length);
    if (message == NULL)
        message = "(error object without a text)", length = strlen(message);
    vm_set_failure(vm, message, length, traceback, traceback == NULL ? 0 : traceback_length);
    lua_pushvalue(L, text);
    return 1;
}

static void keep_value(lua_State *L, struct vm *vm, int index)
{
    size_t length;
    bool string = lua_type(L, index) == LUA_TSTRING;
    const char *text = to_text(L, index, &length);
    if (string) {
        lua_pushlstring(L, "\"", 1);
        lua_pushvalue(L, -2);
        lua_pushlstring(L, "\"", 1);
        lua_concat(L, 3);
        text = lua_tolstring(L, -1, &length);
    }
    if (text != NULL)
        vm_add_value(vm, text, length);
}

/* Pushes the function to run, or raises. how: 0 chunk, 1 expression or chunk, 2 file through the cache. */
static void push_chunk(lua_State *L, struct vm *vm, int how)
{
    size_t length, name_length;
    const char *source = luaL_checklstring(L, 1, &length);
    const char *name = luaL_checklstring(L, 2, &name_length);
    int status;
    if (how == 2) {
        status = cached_load(L, vm, source, length, NULL);
    } else {
        status = LUA_ERRRUN;
        if (how == 1) {
            lua_pushlstring(L, "return ", 7);
            lua_pushvalue(L, 1);
            lua_concat(L, 2);
            size_t both;
            const char *expression = lua_tolstring(L, -1, &both);
            status = load_text(L, expression, both, name);
        }
        if (status != LUA_OK)
            status = load_text(L, source, length, name);
    }
    if (status != LUA_OK)
        lua_error(L);
}

/* Arguments: source, chunkname, how. */
static int run_body(lua_State *L)
{
    struct vm *vm = own_vm(L);
    push_chunk(L, vm, (int)to_integer(L, 3));
    int base = lua_gettop(L) - 1;
    plain_call(L, 0, LUA_MULTRET);
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 8))
        return luaL_error(L, "stack overflow");
    for (int i = base + 1; i <= top && i <= base + RESULT_VALUES; i++) {
        keep_value(L, vm, i);
        lua_settop(L, top);
    }
    return 0;
}

static void begin_run(lua_State *L, struct vm *vm)
{
    atomic_store(&vm->stop, REASON_NONE);
    vm->exit_code = 0;
    vm->left = (int64_t)vm->budget;
    vm_begin_result(vm);
    if (vm->budget > 0)
        restore_hook(L, vm);
    atomic_store(&vm->current, L);
}

/* Nothing can be interrupted any more once `current` is empty and no one is inside lua_sethook. */
static enum status end_run(lua_State *L, struct vm *vm, int status)
{
    atomic_store(&vm->current, NULL);
    while (atomic_load(&vm->hooking))
        sched_yield();
    lua_sethook(L, NULL, 0, 0);
    enum status result = status == LUA_OK ? STATUS_OK : STATUS_ERROR;
    if (atomic_load(&vm->stop) != REASON_NONE)
        result = STATUS_INTERRUPTED;
    vm_end_result(vm, result);
    atomic_store(&vm->stop, REASON_NONE);
    return result;
}

/* Calls `body` with the arguments of the caller, and keeps what comes of it. */
static enum status run_protected(lua_State *L, struct vm *vm, lua_CFunction body)
{
    int arguments = lua_gettop(L);
    push_method(L, vm, keep_failure);
    push_method(L, vm, body);
    for (int i = 1; i <= arguments; i++)
        lua_pushvalue(L, i);
    begin_run(L, vm);
    int status = protected_call(L, arguments, 0, arguments + 1);
    if (status == LUA_ERRMEM) /* the handler is not called for it */
        vm_set_failure(vm, "not enough memory", 17, NULL, 0);
    else if (status != LUA_OK && status != LUA_ERRRUN)
        vm_set_failure(vm, "error in error handling", 23, NULL, 0);
    enum status result = end_run(L, vm, status);
    lua_settop(L, 0);
    return result;
}

static int execute(lua_State *L)
{
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)run_protected(L, own_vm(L), run_body));
    return 1;
}

/* Argument: names joined by NUL. Leaves the number of failures in the VM record's list. */
static int load_body(lua_State *L)
{
    struct vm *vm = own_vm(L);
    size_t length;
    const char *names = luaL_checklstring(L, 1, &length), *end = names + length;
    lua_pushlightuserdata(L, (void *)&kept_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    for (const char *name = names; name < end; name += strlen(name) + 1) {
        lua_settop(L, 2);
        if (atomic_load(&vm->stop) != REASON_NONE)
            break;
        int status = cached_load(L, vm, name, strlen(name), NULL);
        if (status != LUA_OK) {
            const char *message = lua_tolstring(L, -1, &length);
            vm_add_load_failure(vm, name, message != NULL ? message : "", message != NULL ? length : 0);
            continue;
        }
        lua_pushstring(L, name);
        lua_pushvalue(L, -2);
        lua_rawset(L, 2);
    }
    return 0;
}

static int load_names(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushinteger(L, (lua_Integer)run_protected(L, own_vm(L), load_body));
    return 1;
}

static int collect_body(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

static int collect(lua_State *L)
{
    struct vm *vm = own_vm(L);
    lua_settop(L, 0);
    run_protected(L, vm, collect_body);
    lua_pushinteger(L, (lua_Integer)atomic_load(&vm->used));
    return 1;
}

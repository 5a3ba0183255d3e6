/* What the owner of a managed VM asks of it: execute, load, collect, look. They never raise; what came of it is kept in the VM
   record. The owner calls C, not Lua functions through lupa: lupa looks up `debug.traceback` unprotected before every
   call, so a script that gave its globals a metatable which raises would end the process. */
#pragma once

#include "cache/moonscope.h"
#include "lua/lua.h"
#include "lua/vm.h"
#include "lua/vm_io.h"

#include "lua/api.inc.h"
#include "lua/registry.inc.h"
#include "lua/text.inc.h"
#include "lua/load.inc.h"
#include "lua/traceback.inc.h"
#include "lua/interrupt.inc.h"
#include "lua/script_hooks.inc.h"
#include "lua/console.inc.h"
#include "lua/install.inc.h"
#include "lua/look.inc.h"
#include "lua/closures.inc.h"
#include "lua/kept.inc.h"

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
            plain_text(L, 1, &length);
        else
            lua_pushfstring(L, "(error object is a %s value)", lua_typename(L, lua_type(L, 1)));
    }
    const char *message = lua_tolstring(L, -1, &length);
    int text = lua_gettop(L);
    if (message == NULL)
        message = "(error object without a text)", length = strlen(message);
    if (vm->told) /* what ended the run is known; this is only its way out */
        return 1;
    vm_set_failure(vm, message, length, NULL, 0); /* first: after a stack overflow there may be no room for more */
    push_traceback(L, 1); /* level 0 is this handler */
    const char *traceback = lua_tolstring(L, -1, &traceback_length);
    vm_set_failure(vm, message, length, traceback, traceback == NULL ? 0 : traceback_length);
    lua_pushvalue(L, text);
    return 1;
}

static void keep_value(lua_State *L, struct vm *vm, int index)
{
    size_t length;
    bool string = lua_type(L, index) == LUA_TSTRING;
    const char *text = plain_text(L, index, &length);
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

/* Pushes the function to run, or raises. how: enum run. */
static void push_chunk(lua_State *L, struct vm *vm, int how)
{
    size_t length, name_length;
    const char *source = luaL_checklstring(L, 1, &length);
    const char *name = luaL_checklstring(L, 2, &name_length);
    int status;
    if (how == RUN_FILE) {
        status = cached_load(L, vm, source, NULL);
    } else {
        status = LUA_ERRRUN;
        bool told = how == RUN_EXPRESSION && source[0] == '='; /* an expression, as the prompts of 5.1, 5.2 and LuaJIT want it */
        if (how == RUN_EXPRESSION) {
            lua_pushlstring(L, "return ", 7);
            lua_pushlstring(L, source + told, length - told);
            lua_concat(L, 2);
            size_t both;
            const char *expression = lua_tolstring(L, -1, &both);
            status = load_text(L, expression, both, name);
        }
        if (status != LUA_OK && !told)
            status = load_text(L, source, length, name);
    }
    if (status != LUA_OK)
        lua_error(L);
}

/* Arguments: source, chunkname, how. */
static int run_body(lua_State *L)
{
    struct vm *vm = own_vm(L);
    forget_script_hooks(L);
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
    vm->exit_code = 0;
    vm->left = (int64_t)vm->budget;
    vm->told = false;
    vm_begin_result(vm);
    if (vm->budget > 0)
        restore_hook(L, vm);
    vm_begin_interrupts(vm, L);
}

static enum status end_run(lua_State *L, struct vm *vm, enum status result)
{
    vm_end_interrupts(vm);
    lua_sethook(L, NULL, 0, 0);
    vm_flush(vm);
    if (atomic_load(&vm->stop) != REASON_NONE)
        result = STATUS_INTERRUPTED;
    vm_end_result(vm, result);
    atomic_store(&vm->stop, REASON_NONE);
    return result;
}

static int collect_body(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

/* Calls `body` with the arguments of the caller, and keeps what comes of it. */
static enum status run_protected(lua_State *L, struct vm *vm, lua_CFunction body)
{
    int arguments = lua_gettop(L);
    lua_pushcclosure(L, keep_failure, 0);
    lua_pushcclosure(L, body, 0);
    for (int i = 1; i <= arguments; i++)
        lua_pushvalue(L, i);
    int status = protected_call(L, arguments, 0, arguments + 1);
    if (status != LUA_OK) { /* without memory, or room on the stack, the handler is not called or fails */
        const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        vm_default_failure(vm, message != NULL ? message : "error in error handling");
    }
    lua_settop(L, 0);
    if (status == LUA_ERRMEM && !vm->told) { /* make room for the next run; LuaJIT does not when it meets the cap */
        vm->collecting = true;
        protected_start(L, collect_body, NULL);
        vm->collecting = false;
        lua_settop(L, 0);
    }
    return status == LUA_OK ? STATUS_OK : STATUS_ERROR;
}

/* Loads one file and keeps its function in the table at index 2; a failure goes to the VM record's list. False: it was
   told to end meanwhile, and the error is only its way out. */
static bool load_one(lua_State *L, struct vm *vm, const char *name)
{
    size_t length = 0;
    bool loaded = cached_load(L, vm, name, NULL) == LUA_OK;
    if (!loaded && atomic_load(&vm->stop) != REASON_NONE)
        return false;
    if (loaded) {
        keep_function(L, 2, vm, name);
    } else {
        const char *message = lua_tolstring(L, -1, &length);
        vm_add_load_failure(vm, name, message != NULL ? message : "", length);
    }
    lua_settop(L, 2);
    return true;
}

/* Long, so that the owner seldom waits for the GIL; short, so that progress is seen. The clock is not read every time: a
   hit takes little longer than that. */
enum { LOAD_PORTION_NS = 20000000, LOADS_PER_LOOK = 16 };

/* Argument: struct request. Ends when all names are done, after a portion, and when it is told to. Failures go to the VM
   record's list; what is not come to in the end is for tell_rest. */
static int load_body(lua_State *L)
{
    struct request *request = lua_touserdata(L, 1);
    uint64_t until = monotonic_ns() + LOAD_PORTION_NS;
    push_kept(L);
    while (request->done < request->length && atomic_load(&request->vm->stop) == REASON_NONE) {
        const char *name = request->text + request->done;
        if (!load_one(L, request->vm, name))
            break;
        request->done += strlen(name) + 1;
        if (++request->loads % LOADS_PER_LOOK == 0 && monotonic_ns() >= until)
            break;
    }
    return 0;
}

/* A load that was ended, or had no memory to go on, has failed for every name that it did not come to. */
static void tell_rest(struct request *request)
{
    const struct result *result = &request->vm->result; /* written by this thread only */
    const char *why = result->message.bytes != NULL ? result->message.bytes : "not enough memory";
    if (result->reason != REASON_NONE)
        why = stop_text(result->reason);
    for (; request->done < request->length; request->done += strlen(request->text + request->done) + 1)
        vm_add_load_failure(request->vm, request->text + request->done, why, strlen(why));
}

static void run_look(lua_State *L, struct request *request)
{
    bool search = request->look->search != NULL;
    (search ? look_for_closures : look_into)(L, request->vm, request->look);
    request->status = STATUS_OK;
}

#if LUA_VERSION_NUM != 501
/* Argument: struct request. The room that a deep look takes on the stack belongs to this call, so that the collector takes
   it back later; outside of any call it would stay for the VM's life. */
static int look_body(lua_State *L)
{
    run_look(L, lua_touserdata(L, 1));
    return 0;
}
#endif

static void enter_look(lua_State *L, struct request *request)
{
#if LUA_VERSION_NUM == 501 /* each call ends with a step of the collector, which may run finalizers */
    run_look(L, request);
#else
    protected_start(L, look_body, request);
#endif
}

/* Argument: struct vm. Looks leave the VM as it is, so they do not install what scripts need. */
static int install_body(lua_State *L)
{
    struct vm *vm = lua_touserdata(L, 1);
    lua_settop(L, 0);
    install(L);
    vm->installed = true;
    return 0;
}

/* Argument: struct request. */
static int enter_body(lua_State *L)
{
    struct request *request = lua_touserdata(L, 1);
    struct vm *vm = request->vm;
    lua_settop(L, 0);
    if (request->kind == REQUEST_COLLECT) {
        request->status = run_protected(L, vm, collect_body);
        return 0;
    }
    if (request->kind == REQUEST_LOAD) {
        lua_pushlightuserdata(L, request);
        request->status = run_protected(L, vm, load_body);
        return 0;
    }
    lua_pushlstring(L, request->text, request->length);
    lua_pushlstring(L, request->chunkname, request->chunkname_length);
    lua_pushinteger(L, request->how);
    request->status = run_protected(L, vm, run_body);
    return 0;
}

/* The message on top, if there is one above `top`, is what a request without a result failed with. */
static void keep_default_failure(lua_State *L, struct vm *vm, int top)
{
    const char *message = lua_gettop(L) > top && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    vm_default_failure(vm, message != NULL ? message : "not enough memory");
}

/* The VM must be attached and idle, and stay alive meanwhile: the owner sees to that. Whatever makes the collector work
   may call finalizers, so all of it but the first installation, before which no script has run, belongs to the run. */
static enum status enter(struct request *request)
{
    struct vm *vm = request->vm;
    lua_State *L = vm->main;
    int top = lua_gettop(L);
    bool looks = request->kind == REQUEST_LOOK;
    bool ready = lua_checkstack(L, 16) &&
                 (looks || vm->installed || protected_start(L, install_body, vm) == LUA_OK);
    request->status = STATUS_ERROR;
    vm->collecting = request->kind == REQUEST_COLLECT;
    vm->loading = request->kind == REQUEST_LOAD;
    begin_run(L, vm);
    if (ready && looks)
        enter_look(L, request);
    else if (!ready || protected_start(L, enter_body, request) != LUA_OK)
        keep_default_failure(L, vm, top);
    vm->collecting = false;
    request->status = end_run(L, vm, request->status);
    if (request->kind == REQUEST_LOAD && request->status != STATUS_OK)
        tell_rest(request);
    lua_settop(L, top);
    return request->status;
}

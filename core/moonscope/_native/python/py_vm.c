#include "python/py.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cache/fork.h"
#include "lua/thread_signal.h"
#include "lua/vm_io.h"

struct vm_object {
    PyObject_HEAD
    struct vm *vm; /* one reference */
    lua_State *state; /* owned; NULL: not managed, or closed. Changed under the GIL */
    unsigned forks; /* when it was made; see fork.h */
    char token[TOKEN_SIZE];
};

struct vm *vm_of(PyObject *self)
{
    return ((struct vm_object *)self)->vm;
}

/* Finalizers run, for as long as they like, so not with the GIL. After a fork the state is left as it is. */
static void close_owned(struct vm_object *self)
{
    lua_State *state = self->state;
    self->state = NULL;
    if (state == NULL || self->forks != fork_count())
        return;
    Py_BEGIN_ALLOW_THREADS
    lua_ops[self->vm->cache->lua]->close(state);
    Py_END_ALLOW_THREADS
}

PyObject *vm_object(struct vm *vm, lua_State *state, const char *token)
{
    struct vm_object *self = PyObject_New(struct vm_object, &vm_type);
    if (self == NULL) {
        if (state != NULL)
            lua_ops[vm->cache->lua]->close(state);
        pending_remove(vm);
        vm_release(vm);
        return NULL;
    }
    self->vm = vm;
    self->state = state;
    self->forks = fork_count();
    snprintf(self->token, TOKEN_SIZE, "%s", token);
    return (PyObject *)self;
}

static void vm_dealloc(PyObject *self)
{
    if (!vm_of(self)->managed)
        pending_remove(vm_of(self));
    close_owned((struct vm_object *)self);
    vm_release(vm_of(self));
    Py_TYPE(self)->tp_free(self);
}

static PyObject *bytes_of(const struct text *text)
{
    return PyBytes_FromStringAndSize(text->bytes, text->bytes != NULL ? (Py_ssize_t)text->length : 0);
}

static PyObject *vm_set_mode(PyObject *self, PyObject *argument)
{
    long mode = PyLong_AsLong(argument);
    if (mode == -1 && PyErr_Occurred())
        return NULL;
    if (mode < MODE_ON || mode > MODE_OFF)
        return PyErr_Format(PyExc_ValueError, "there is no cache mode %ld", mode);
    atomic_store(&vm_of(self)->mode, (int)mode);
    Py_RETURN_NONE;
}

/* See lua/interrupt.inc.h for why this is sound while the VM runs in another thread. Gives the coroutine that runs, which stays
   valid until end_look; NULL: no run is under way. */
static lua_State *begin_look(struct vm *vm)
{
    bool expected = false;
    while (!atomic_compare_exchange_weak(&vm->hooking, &expected, true)) { /* one at a time */
        expected = false;
        sched_yield();
    }
    return atomic_load(&vm->current);
}

static void end_look(struct vm *vm)
{
    atomic_store(&vm->hooking, false);
}

static PyObject *vm_interrupt(PyObject *self, PyObject *arguments)
{
    int reason = REASON_PERSON, none = REASON_NONE;
    if (!PyArg_ParseTuple(arguments, "|i", &reason))
        return NULL;
    if (reason <= REASON_NONE || reason > REASON_EXIT)
        return PyErr_Format(PyExc_ValueError, "there is no reason %d to interrupt", reason);
    struct vm *vm = vm_of(self);
    lua_State *running = begin_look(vm);
    if (running != NULL && reason == REASON_INSTRUCTIONS) {
        lua_ops[vm->cache->lua]->let_hooks_run(vm, running);
    } else if (running != NULL) {
        bool ends = reason != REASON_TIME || !vm->loading;
        if (ends)
            atomic_compare_exchange_strong(&vm->stop, &none, reason);
        else
            atomic_store(&vm->overdue, true);
        if (atomic_exchange(&vm->signalled, true) || !thread_signal_send(vm, ends ? SIGNAL_STOP : SIGNAL_PAUSE))
            lua_ops[vm->cache->lua]->set_hook(vm, running);
        vm_resume(vm);
    }
    end_look(vm);
    return PyBool_FromLong(running != NULL);
}

static PyObject *vm_pause(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct vm *vm = vm_of(self);
    bool running = begin_look(vm) != NULL;
    if (running) {
        atomic_store(&vm->paused, true);
        thread_signal_send(vm, SIGNAL_PAUSE);
    }
    end_look(vm);
    return PyBool_FromLong(running);
}

static PyObject *vm_go_on(PyObject *self, PyObject *unused)
{
    (void)unused;
    vm_resume(vm_of(self));
    Py_RETURN_NONE;
}

static PyObject *vm_stuck_in(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct vm *vm = vm_of(self);
    lua_State *running = begin_look(vm);
    const char *name = running != NULL ? lua_ops[vm->cache->lua]->running_function(running) : "";
    end_look(vm);
    return PyUnicode_DecodeLatin1(name, (Py_ssize_t)strlen(name), NULL);
}

static PyObject *vm_take_output_bytes(PyObject *self, PyObject *unused)
{
    (void)unused;
    size_t length;
    char *output = vm_take_output(vm_of(self), &length);
    PyObject *bytes = PyBytes_FromStringAndSize(output, (Py_ssize_t)length);
    free(output);
    return bytes;
}

/* Of a failure: without memory for its message, that is the message. */
static PyObject *message_of(const struct text *message)
{
    static const char none[] = "not enough memory";
    return message->bytes != NULL ? bytes_of(message) : PyBytes_FromStringAndSize(none, sizeof none - 1);
}

static PyObject *vm_take_result_tuple(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct result result = vm_take_result(vm_of(self));
    PyObject *values = PyList_New((Py_ssize_t)result.count), *tuple = NULL;
    for (size_t i = 0; values != NULL && i < result.count; i++) {
        PyObject *value = bytes_of(&result.values[i]);
        if (value == NULL)
            Py_CLEAR(values);
        else
            PyList_SET_ITEM(values, (Py_ssize_t)i, value);
    }
    if (values != NULL)
        tuple = Py_BuildValue("iNNNii", (int)result.status, values,
                              result.status == STATUS_ERROR ? message_of(&result.message) : bytes_of(&result.message),
                              bytes_of(&result.traceback), (int)result.reason, result.exit_code);
    result_free(&result);
    return tuple;
}

static PyObject *vm_take_failure_list(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct failure *first = vm_take_failures(vm_of(self));
    PyObject *list = PyList_New(0);
    for (struct failure *failure = first; list != NULL && failure != NULL; failure = failure->next) {
        PyObject *pair = Py_BuildValue("NN", bytes_of(&failure->name), message_of(&failure->message));
        if (pair == NULL || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    failures_free(first);
    return list;
}

bool run_request(struct request *request)
{
    struct vm *vm = request->vm;
    if (!atomic_load(&vm->attached) || atomic_load(&vm->closed) || !vm->managed) {
        PyErr_SetString(PyExc_ValueError, "this VM is not attached, closed, or not managed");
        return false;
    }
    Py_BEGIN_ALLOW_THREADS
    lua_ops[vm->cache->lua]->enter(request);
    Py_END_ALLOW_THREADS
    return true;
}

static PyObject *enter(struct request *request)
{
    return run_request(request) ? PyLong_FromLong((long)request->status) : NULL;
}

static PyObject *vm_execute(PyObject *self, PyObject *arguments)
{
    struct request request = {.vm = vm_of(self), .kind = REQUEST_EXECUTE};
    Py_ssize_t length, chunkname_length;
    if (!PyArg_ParseTuple(arguments, "y#y#i", &request.text, &length, &request.chunkname, &chunkname_length, &request.how))
        return NULL;
    request.length = (size_t)length;
    request.chunkname_length = (size_t)chunkname_length;
    return enter(&request);
}

static PyObject *vm_load(PyObject *self, PyObject *arguments)
{
    struct request request = {.vm = vm_of(self), .kind = REQUEST_LOAD};
    Py_ssize_t length, at;
    if (!PyArg_ParseTuple(arguments, "y#n", &request.text, &length, &at))
        return NULL;
    if (at < 0 || at > length || (at > 0 && request.text[at - 1] != '\0'))
        return PyErr_Format(PyExc_ValueError, "no name begins at %zd", at);
    request.length = (size_t)length;
    request.done = (size_t)at;
    if (!run_request(&request))
        return NULL;
    Py_ssize_t done = request.done < request.length ? (Py_ssize_t)request.done : length;
    return Py_BuildValue("nn", done, (Py_ssize_t)request.loads);
}

static PyObject *vm_collect(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct request request = {.vm = vm_of(self), .kind = REQUEST_COLLECT};
    PyObject *status = enter(&request);
    if (status == NULL)
        return NULL;
    Py_DECREF(status);
    return PyLong_FromSize_t(atomic_load(&request.vm->used));
}

static PyObject *vm_answer(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct vm *vm = vm_of(self);
    if (vm->managed && atomic_load(&vm->attached) && !atomic_load(&vm->closed)) {
        Py_BEGIN_ALLOW_THREADS
        lua_ops[vm->cache->lua]->answer(vm);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

static PyObject *vm_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    close_owned((struct vm_object *)self);
    Py_RETURN_NONE;
}

static PyObject *vm_release_record(PyObject *self, PyObject *unused)
{
    (void)unused;
    pending_remove(vm_of(self));
    Py_RETURN_NONE;
}

enum property { ID, LIBRARY, ENTRY, TOKEN, MEMORY, PEAK, MODE, RUNNING, CLOSED, LOAD_US };

static const char *const entries[LUAS] = {
    [LUA51] = "moonscope_attach_lua51", [LUA52] = "moonscope_attach_lua52", [LUA53] = "moonscope_attach_lua53",
    [LUA54] = "moonscope_attach_lua54", [LUA55] = "moonscope_attach_lua55", [LUAJIT20] = "moonscope_attach_luajit20",
    [LUAJIT21] = "moonscope_attach_luajit21",
    [OWN54] = "moonscope_attach_own54", [OWN55] = "moonscope_attach_own55",
};

static PyObject *vm_property(PyObject *self, void *which)
{
    struct vm *vm = vm_of(self);
    switch ((enum property)(intptr_t)which) {
    case ID: return PyLong_FromUnsignedLongLong(vm->id);
    case LIBRARY: return own_library();
    case ENTRY: return PyUnicode_FromString(entries[vm->cache->lua]);
    case TOKEN: return PyUnicode_FromString(((struct vm_object *)self)->token);
    case MEMORY: return PyLong_FromSize_t(atomic_load(&vm->used));
    case PEAK: return PyLong_FromSize_t(atomic_load(&vm->peak));
    case MODE: return PyLong_FromLong(atomic_load(&vm->mode));
    case RUNNING: return PyBool_FromLong(atomic_load(&vm->current) != NULL);
    case CLOSED: return PyBool_FromLong(atomic_load(&vm->closed));
    case LOAD_US: return PyFloat_FromDouble((double)atomic_load(&vm->load_ticks) * tick_ns() / 1e3);
    }
    Py_UNREACHABLE();
}

#define PROPERTY(name, which, text) {name, vm_property, NULL, text, (void *)(intptr_t)which}

static PyGetSetDef properties[] = {
    PROPERTY("id", ID, "As given to Cache.prepare."),
    PROPERTY("library", LIBRARY, "First argument of package.loadlib."),
    PROPERTY("entry", ENTRY, "Second argument of package.loadlib."),
    PROPERTY("token", TOKEN, "Argument of the function that package.loadlib gives."),
    PROPERTY("memory", MEMORY, "Bytes that the VM's allocator holds."),
    PROPERTY("memory_peak", PEAK, "The most it ever held."),
    PROPERTY("mode", MODE, "Cache mode."),
    PROPERTY("running", RUNNING, "A run is under way."),
    PROPERTY("closed", CLOSED, "lua_close has returned (LuaJIT: has begun)."),
    PROPERTY("load_us", LOAD_US, "Microseconds spent in loads since birth."),
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"execute", vm_execute, METH_VARARGS, "Run Lua source or a file; returns the status."},
    {"load", vm_load, METH_VARARGS, "Load files through the cache and keep them; returns how far it came, and how many it tried."},
    {"collect", vm_collect, METH_NOARGS, "A full collection; returns the bytes held afterwards."},
    {"count_closures", vm_count_closures, METH_VARARGS, "How many closures of one prototype the VM holds."},
    {"look", vm_look, METH_VARARGS, "One level of what a path of steps leads to."},
    {"set_mode", vm_set_mode, METH_O, "Set the cache mode."},
    {"interrupt", vm_interrupt, METH_VARARGS, "Ask the run that is going on to end; False when none is."},
    {"pause", vm_pause, METH_NOARGS, "Have the run that is going on wait; False when none is."},
    {"resume", vm_go_on, METH_NOARGS, "Have it go on."},
    {"stuck_in", vm_stuck_in, METH_NOARGS, "The C function that the run is inside now; empty when it is in none."},
    {"take_output", vm_take_output_bytes, METH_NOARGS, "What was printed since the last call."},
    {"take_result", vm_take_result_tuple, METH_NOARGS, "What the last run gave, once."},
    {"take_failures", vm_take_failure_list, METH_NOARGS, "Files that could not be loaded, once."},
    {"answer", vm_answer, METH_NOARGS, "Look at the idle VM for a round that asks who refers to which frozen strings."},
    {"close", vm_close, METH_NOARGS, "Close the state of a managed VM."},
    {"release", vm_release_record, METH_NOARGS, "No runtime will be attached any more, or it is about to be dropped."},
    {NULL, NULL, 0, NULL},
};

PyTypeObject vm_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "moonscope._native._moonscope.VM",
    .tp_doc = "One VM as the cache sees it.",
    .tp_basicsize = sizeof(struct vm_object),
    .tp_dealloc = vm_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = methods,
    .tp_getset = properties,
};

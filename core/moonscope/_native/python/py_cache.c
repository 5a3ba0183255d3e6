#include "python/py.h"

#include <string.h>

#include "cache/limits.h"
#include "python/py_rows.h"
#include "lua/thread_signal.h"

struct cache_object {
    PyObject_HEAD
    struct cache *cache; /* one reference */
};

struct cache *cache_of(PyObject *self)
{
    return ((struct cache_object *)self)->cache;
}

/* The tiers that a name stands for, in the order they are tried. */
static bool choose_tiers(enum lua_index lua, const char *name, const struct tier *tiers[TIERS])
{
    const struct tier *best = lua_sharing[lua], *wanted = best;
    if (strcmp(name, "off") == 0)
        return true;
    if (strcmp(name, "bytecode") == 0)
        best = NULL;
    else if (strcmp(name, "graft") == 0)
        wanted = lua_ops[lua]->graft;
    else if (strcmp(name, "fixed") == 0)
        wanted = best = lua_ops[lua]->fixed;
    else if (strcmp(name, "direct") == 0)
        wanted = best != NULL && strcmp(best->name, name) == 0 ? best : NULL;
    else if (strcmp(name, "auto") != 0) {
        PyErr_Format(PyExc_ValueError, "there is no tier %s", name);
        return false;
    }
    if (best == NULL || wanted == NULL) {
        if (strcmp(name, "auto") != 0 && strcmp(name, "bytecode") != 0) {
            PyErr_Format(PyExc_ValueError, "tier %s is not to be had on this library", name);
            return false;
        }
        tiers[0] = lua_ops[lua]->bytecode;
        return true;
    }
    tiers[0] = wanted;
    tiers[1] = lua_ops[lua]->bytecode;
    return true;
}

static PyObject *cache_create(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"lua", "tier", "allow_binary", "ring", "last_generation", "max_bytes", "max_files", NULL};
    int lua, allow_binary = 0;
    const char *tier = "auto";
    Py_ssize_t ring = 16384;
    unsigned long long last_generation = 0, max_bytes = 0, max_files = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "i|$spnKKK", names, &lua, &tier, &allow_binary, &ring,
                                     &last_generation, &max_bytes, &max_files))
        return NULL;
    if (lua < 0 || lua >= LUAS || !lua_bound[lua]) {
        PyErr_SetString(PyExc_ValueError, "this Lua is not bound: call bind() first");
        return NULL;
    }
    const struct tier *tiers[TIERS] = {NULL};
    if (!choose_tiers((enum lua_index)lua, tier, tiers))
        return NULL;
    if (ring < 1 || ring > 1 << 24) {
        PyErr_SetString(PyExc_ValueError, "the ring holds 1 to 16777216 events");
        return NULL;
    }
    struct cache_object *self = (struct cache_object *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->cache = cache_new((enum lua_index)lua, tiers, allow_binary != 0, (size_t)ring);
    if (self->cache == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->cache->last_generation = last_generation;
    limits_set(self->cache, max_bytes, max_files);
    return (PyObject *)self;
}

static void cache_dealloc(PyObject *self)
{
    if (cache_of(self) != NULL)
        cache_release(cache_of(self));
    Py_TYPE(self)->tp_free(self);
}

static bool mode_exists(int mode)
{
    if (mode < MODE_ON || mode > MODE_OFF)
        PyErr_Format(PyExc_ValueError, "there is no cache mode %d", mode);
    return mode >= MODE_ON && mode <= MODE_OFF;
}

static PyObject *cache_prepare(PyObject *self, PyObject *arguments)
{
    unsigned long long id;
    int mode;
    if (!PyArg_ParseTuple(arguments, "Ki", &id, &mode) || !mode_exists(mode))
        return NULL;
    struct vm *vm = vm_new(cache_of(self), id, false);
    char token[TOKEN_SIZE];
    if (vm == NULL)
        return PyErr_NoMemory();
    atomic_store(&vm->mode, mode);
    if (!pending_add(vm, token)) {
        vm_release(vm);
        return PyErr_NoMemory();
    }
    return vm_object(vm, NULL, token);
}

/* With the GIL: to give it up and wait for it again would take longer than to make a state. */
static PyObject *cache_spawn(PyObject *self, PyObject *arguments)
{
    unsigned long long id, cap, budget;
    int mode;
    int jit, unshared;
    unsigned without;
    struct birth birth = {0};
    Py_ssize_t path_length;
    if (!PyArg_ParseTuple(arguments, "KiKKy#ppI", &id, &mode, &cap, &budget, &birth.search_path, &path_length, &jit,
                          &unshared, &without) ||
        !mode_exists(mode))
        return NULL;
    if (without > WITHOUT_ALL)
        return PyErr_Format(PyExc_ValueError, "there is no set of libraries %u", without);
    thread_signals_start();
    birth.path_length = (size_t)path_length;
    birth.jit = jit != 0;
    birth.vm = vm_new(cache_of(self), id, true);
    if (birth.vm == NULL)
        return PyErr_NoMemory();
    const struct lua_ops *ops = lua_ops[birth.vm->cache->lua];
    atomic_store(&birth.vm->mode, mode);
    birth.vm->unshared = unshared != 0;
    birth.vm->without = without;
    birth.vm->cap = (size_t)cap;
    birth.vm->budget = budget;
    birth.vm->born = ops->newest_word(); /* before the state is made */
    lua_State *state = ops->spawn(&birth);
    if (state == NULL) {
        vm_release(birth.vm);
        return PyErr_NoMemory();
    }
    return vm_object(birth.vm, state, "");
}

static PyObject *ids_tuple(const uint64_t *ids, size_t count)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *id = PyLong_FromUnsignedLongLong(ids[i]);
        if (id == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, id);
    }
    return tuple;
}

static PyObject *clear_report(struct cache *cache, const char *const *keys, const size_t *lengths, Py_ssize_t count,
                              int dry)
{
    struct cleared report;
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = cache_clear(cache, keys, lengths, count, dry != 0, &report);
    Py_END_ALLOW_THREADS
    if (!done)
        return PyErr_NoMemory();
    PyObject *ids = ids_tuple(report.vms, report.vm_count);
    free(report.vms);
    if (ids == NULL)
        return NULL;
    return Py_BuildValue("nKKN", (Py_ssize_t)report.files, (unsigned long long)report.freed,
                         (unsigned long long)report.retained, ids);
}

static PyObject *cache_clear_keys(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"keys", "dry_run", NULL};
    PyObject *list = Py_None, *result = NULL;
    int dry = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|Op", names, &list, &dry))
        return NULL;
    if (list == Py_None)
        return clear_report(cache_of(self), NULL, NULL, -1, dry);
    PyObject *fast = PySequence_Fast(list, "keys must be a list of bytes");
    if (fast == NULL)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);
    const char **keys = PyMem_Calloc((size_t)count + 1, sizeof *keys);
    size_t *lengths = PyMem_Calloc((size_t)count + 1, sizeof *lengths);
    if (keys == NULL || lengths == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        char *bytes;
        Py_ssize_t length;
        if (PyBytes_AsStringAndSize(PySequence_Fast_GET_ITEM(fast, i), &bytes, &length) < 0)
            goto done;
        keys[i] = bytes;
        lengths[i] = (size_t)length;
    }
    result = clear_report(cache_of(self), keys, lengths, count, dry);
done:
    PyMem_Free(keys);
    PyMem_Free(lengths);
    Py_DECREF(fast);
    return result;
}

/* Events as records; their keys are freed. */
static PyObject *event_list(const struct event *events, size_t count, uint64_t serial)
{
    double now = epoch_seconds(), ns = tick_ns();
    uint64_t ticks = ticks_now();
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct event *event = &events[i];
        double ago = (double)(int64_t)(ticks - event->end) * ns / 1e9;
        PyObject *record = list != NULL ? event_record(event, ++serial, now - ago, (double)event->duration * ns / 1e3) : NULL;
        if (event->owned)
            free((char *)(uintptr_t)event->key);
        if (record == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, record);
    }
    return list;
}

static PyObject *cache_drain(PyObject *self, PyObject *arguments)
{
    struct cache *cache = cache_of(self);
    Py_ssize_t limit = 4096;
    if (!PyArg_ParseTuple(arguments, "|n", &limit))
        return NULL;
    if (limit < 1 || limit > 1 << 20)
        return PyErr_Format(PyExc_ValueError, "limit is 1 to 1048576, not %zd", limit);
    struct event *events = PyMem_Calloc((size_t)limit, sizeof *events);
    if (events == NULL)
        return PyErr_NoMemory();
    pthread_mutex_lock(&cache->lock);
    size_t count = ring_drain(cache->ring, events, (size_t)limit);
    uint64_t serial = cache->serial;
    cache->serial += count;
    cache->drained = true;
    cache->draining++; /* the files that the events point to stay meanwhile */
    pthread_mutex_unlock(&cache->lock);
    PyObject *list = event_list(events, count, serial);
    PyMem_Free(events);
    pthread_mutex_lock(&cache->lock);
    cache->draining--;
    cache_reclaim(cache);
    pthread_mutex_unlock(&cache->lock);
    return list;
}

static PyObject *cache_measure(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct cache *cache = cache_of(self);
    Py_BEGIN_ALLOW_THREADS
    snapshot_measure(cache);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *cache_holders(PyObject *self, PyObject *argument)
{
    uint64_t generation = PyLong_AsUnsignedLongLong(argument);
    size_t count;
    if (PyErr_Occurred())
        return NULL;
    uint64_t *ids = snapshot_holders(cache_of(self), generation, &count);
    if (ids == NULL)
        return PyErr_NoMemory();
    PyObject *tuple = ids_tuple(ids, count);
    free(ids);
    return tuple;
}

static PyObject *cache_payload(PyObject *self, PyObject *argument)
{
    uint64_t generation = PyLong_AsUnsignedLongLong(argument);
    size_t size = 0;
    bool found;
    if (PyErr_Occurred())
        return NULL;
    char *copy = snapshot_payload(cache_of(self), generation, &size, &found);
    if (!found) {
        PyErr_SetObject(PyExc_KeyError, argument);
        return NULL;
    }
    PyObject *bytes = copy != NULL ? PyBytes_FromStringAndSize(copy, (Py_ssize_t)size) : PyErr_NoMemory();
    free(copy);
    return bytes;
}

static PyObject *cache_compile(PyObject *self, PyObject *argument)
{
    struct cache *cache = cache_of(self);
    const char *name = PyBytes_AsString(argument);
    struct payload payload = {0};
    char *error = NULL;
    bool done;
    if (name == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    done = lua_ops[cache->lua]->compile(name, cache->allow_binary, &payload, &error);
    Py_END_ALLOW_THREADS
    PyObject *bytes = NULL;
    if (done)
        bytes = PyBytes_FromStringAndSize(payload.data, (Py_ssize_t)payload.size);
    else if (error == NULL)
        PyErr_NoMemory();
    else {
        PyObject *text = PyUnicode_DecodeUTF8(error, (Py_ssize_t)strlen(error), "surrogateescape");
        if (text != NULL)
            PyErr_SetObject(PyExc_ValueError, text);
        Py_XDECREF(text);
    }
    free(payload.data);
    free(error);
    return bytes;
}

static PyObject *cache_file_rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    return file_list(cache_of(self));
}

static PyObject *cache_generation_rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    return generation_list(cache_of(self));
}

static PyObject *cache_vm_rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    return vm_list(cache_of(self));
}

static PyObject *cache_changes(PyObject *self, PyObject *argument)
{
    unsigned long long since = PyLong_AsUnsignedLongLong(argument);
    return PyErr_Occurred() ? NULL : changes_record(cache_of(self), since);
}

static PyObject *cache_generation(PyObject *self, PyObject *argument)
{
    unsigned long long id = PyLong_AsUnsignedLongLong(argument);
    return PyErr_Occurred() ? NULL : generation_or_none(cache_of(self), id);
}

static PyObject *cache_set_limits(PyObject *self, PyObject *arguments)
{
    unsigned long long max_bytes, max_files;
    if (!PyArg_ParseTuple(arguments, "KK", &max_bytes, &max_files))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    limits_set(cache_of(self), max_bytes, max_files);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *cache_words_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(lua_ops[cache_of(self)->lua]->words_wait());
}

static PyObject *cache_totals(PyObject *self, PyObject *unused)
{
    (void)unused;
    return totals_record(cache_of(self));
}

static PyObject *cache_tier(PyObject *self, void *unused)
{
    (void)unused;
    const struct tier *first = cache_of(self)->tiers[0];
    return PyUnicode_FromString(first != NULL ? first->name : "off");
}

static PyObject *cache_last_generation(PyObject *self, void *unused)
{
    (void)unused;
    struct cache *cache = cache_of(self);
    pthread_mutex_lock(&cache->lock);
    uint64_t last = cache->last_generation;
    pthread_mutex_unlock(&cache->lock);
    return PyLong_FromUnsignedLongLong(last);
}

static PyGetSetDef properties[] = {
    {"tier", cache_tier, NULL, "The tier in force.", NULL},
    {"last_generation", cache_last_generation, NULL, "Id of the newest generation that there ever was.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"prepare", cache_prepare, METH_VARARGS, "A record for a runtime of the calling program."},
    {"spawn", cache_spawn, METH_VARARGS, "A managed VM with a state of its own."},
    {"clear", (PyCFunction)(void (*)(void))cache_clear_keys, METH_VARARGS | METH_KEYWORDS,
     "Take files out of the index: files, freed bytes, retained bytes, VMs on old code."},
    {"files", cache_file_rows, METH_NOARGS, "One record per key."},
    {"generations", cache_generation_rows, METH_NOARGS, "One record per generation that is not freed."},
    {"vms", cache_vm_rows, METH_NOARGS, "One record per open VM."},
    {"changes", cache_changes, METH_O, "What changed since a revision."},
    {"generation", cache_generation, METH_O, "The tuple of one generation, or None."},
    {"set_limits", cache_set_limits, METH_VARARGS, "How much may be stored; 0: no limit."},
    {"words_wait", cache_words_wait, METH_NOARGS, "Does a round wait for states to tell which frozen strings they refer to?"},
    {"totals", cache_totals, METH_NOARGS, "Sums over everything."},
    {"drain", cache_drain, METH_VARARGS, "Load events since the last call."},
    {"measure", cache_measure, METH_NOARGS, "See to it that all current generations are measured."},
    {"holders", cache_holders, METH_O, "Ids of the VMs that hold a generation."},
    {"payload", cache_payload, METH_O, "The dumped chunk of a generation."},
    {"compile", cache_compile, METH_O, "Compile a file without storing it."},
    {NULL, NULL, 0, NULL},
};

PyTypeObject cache_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "moonscope._native._moonscope.Cache",
    .tp_doc = "The cache of one Lua.",
    .tp_basicsize = sizeof(struct cache_object),
    .tp_dealloc = cache_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = methods,
    .tp_getset = properties,
    .tp_new = cache_create,
};

#include "python/py.h"

#include "cache/generation.h"
#include "cache/heap.h"
#include "python/py_rows.h"
#include "lua/vm.h"

#include <dlfcn.h>
#include <string.h>

#include "cache/fork.h"

const struct lua_ops *const lua_ops[LUAS] = {
    [LUA51] = &lua_ops_lua51,       [LUA52] = &lua_ops_lua52,       [LUA53] = &lua_ops_lua53, [LUA54] = &lua_ops_lua54,
    [LUA55] = &lua_ops_lua55,       [LUAJIT20] = &lua_ops_luajit20, [LUAJIT21] = &lua_ops_luajit21,
    [OWN54] = &lua_ops_own54,       [OWN55] = &lua_ops_own55,
};

static const char *const lua_names[LUAS] = {
    [LUA51] = "5.1", [LUA52] = "5.2", [LUA53] = "5.3",          [LUA54] = "5.4",
    [LUA55] = "5.5", [LUAJIT20] = "luajit2.0", [LUAJIT21] = "luajit2.1", [OWN54] = "own 5.4", [OWN55] = "own 5.5",
};

/* What the enums of moonscope.h are called in Python: the only place. */
static const char *const mode_names[] = {[MODE_ON] = "on", [MODE_EXIST] = "exist", [MODE_OFF] = "off"};
static const char *const outcome_names[] = {
    [OUTCOME_HIT] = "hit", [OUTCOME_MISS] = "miss", [OUTCOME_BYPASS] = "bypass", [OUTCOME_RACE] = "race",
    [OUTCOME_ERROR] = "error",
};
static const char *const state_names[] = {[GENERATION_CURRENT] = "current", [GENERATION_RETIRED] = "retired"};
static const struct {
    const char *name;
    int value;
} numbers[] = {
    {"REASON_PERSON", REASON_PERSON}, {"REASON_INSTRUCTIONS", REASON_INSTRUCTIONS}, {"REASON_TIME", REASON_TIME},
    {"REASON_EXIT", REASON_EXIT},     {"STATUS_OK", STATUS_OK},                     {"STATUS_ERROR", STATUS_ERROR},
    {"STATUS_INTERRUPTED", STATUS_INTERRUPTED}, {"RUN_CHUNK", RUN_CHUNK}, {"RUN_EXPRESSION", RUN_EXPRESSION},
    {"RUN_FILE", RUN_FILE},           {"WITHOUT_DEBUG", WITHOUT_DEBUG},             {"WITHOUT_NATIVE", WITHOUT_NATIVE},
    {"WITHOUT_BINARY", WITHOUT_BINARY}, {"WITHOUT_SYSTEM", WITHOUT_SYSTEM},
};

bool lua_bound[LUAS];
const struct tier *lua_sharing[LUAS];

PyObject *own_library(void)
{
    Dl_info info;
    if (dladdr((void *)lua_names, &info) == 0 || info.dli_fname == NULL) {
        PyErr_SetString(PyExc_OSError, "cannot find the file that the C part was loaded from");
        return NULL;
    }
    return PyUnicode_DecodeFSDefault(info.dli_fname);
}

static PyObject *bind(PyObject *module, PyObject *arguments)
{
    (void)module;
    int lua;
    PyObject *path;
    if (!PyArg_ParseTuple(arguments, "iO&", &lua, PyUnicode_FSConverter, &path))
        return NULL;
    void *library = NULL;
    PyObject *result = NULL;
    const char *missing = NULL;
    if (lua < 0 || lua >= LUAS) {
        PyErr_Format(PyExc_ValueError, "there is no Lua number %d", lua);
        goto done;
    }
    /* NOLOAD: whoever imported it owns it; and never unloaded, so no handle needs to be kept. */
    library = dlopen(PyBytes_AS_STRING(path), RTLD_NOW | RTLD_NOLOAD);
    if (library == NULL) {
        PyErr_Format(PyExc_OSError, "%s is not loaded: import it first", PyBytes_AS_STRING(path));
        goto done;
    }
    if (!lua_bound[lua] && !lua_ops[lua]->bind(library, &missing)) {
        PyErr_Format(PyExc_OSError, "%s does not export %s: this build of lupa cannot be used", PyBytes_AS_STRING(path),
                     missing);
        goto done;
    }
    char *release = lua_ops[lua]->release(library);
    if (!lua_bound[lua] && release != NULL)
        lua_sharing[lua] = lua_ops[lua]->sharing(library, release);
    lua_bound[lua] = true;
    result = release != NULL ? PyUnicode_DecodeASCII(release, (Py_ssize_t)strlen(release), "replace") : PyErr_NoMemory();
    free(release);
done:
    if (library != NULL)
        dlclose(library); /* drops only the count that dlopen added */
    Py_DECREF(path);
    return result;
}

static PyObject *heap_free(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    size_t bytes;
    Py_BEGIN_ALLOW_THREADS
    bytes = heap_free_bytes();
    Py_END_ALLOW_THREADS
    return PyLong_FromSize_t(bytes);
}

static PyObject *heap_give_back(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = heap_trim();
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(done);
}

static PyMethodDef functions[] = {
    {"bind", bind, METH_VARARGS, "Resolve the C API of one Lua from lupa's loaded library; returns its release."},
    {"bench", bench, METH_VARARGS, "ns per file and round: bare undump, hit, hit without counters and events."},
    {"bench_loads", bench_loads, METH_VARARGS, "Per fresh state: ns per file of each pass, and bytes it keeps."},
    {"heap_free", heap_free, METH_NOARGS, "Bytes that the C allocator holds free."},
    {"heap_trim", heap_give_back, METH_NOARGS, "Have the C allocator give pages back."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_moonscope", "The C part of Moonscope.", -1, functions, NULL, NULL, NULL, NULL,
};

/* Adds a tuple of names. False with an exception set. */
static bool add_names(PyObject *module, const char *name, const char *const *names, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *text = PyUnicode_FromString(names[i]);
        if (text == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, text);
    }
    bool added = tuple != NULL && PyModule_AddObjectRef(module, name, tuple) == 0;
    Py_XDECREF(tuple);
    return added;
}

#define ADD_NAMES(module, name, names) add_names(module, name, names, (Py_ssize_t)(sizeof(names) / sizeof *(names)))

PyMODINIT_FUNC PyInit__moonscope(void)
{
    clock_start();
    if (!fork_start())
        return PyErr_NoMemory();
    if (PyType_Ready(&cache_type) < 0 || PyType_Ready(&vm_type) < 0 || !records_start())
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    bool complete = module != NULL && ADD_NAMES(module, "LUAS", lua_names) && ADD_NAMES(module, "MODES", mode_names) &&
                    ADD_NAMES(module, "OUTCOMES", outcome_names) && ADD_NAMES(module, "STATES", state_names) &&
                    PyModule_AddObjectRef(module, "Cache", (PyObject *)&cache_type) == 0 &&
                    PyModule_AddObjectRef(module, "VM", (PyObject *)&vm_type) == 0;
    for (size_t i = 0; complete && i < sizeof numbers / sizeof *numbers; i++)
        complete = PyModule_AddIntConstant(module, numbers[i].name, numbers[i].value) == 0;
    if (!complete)
        Py_CLEAR(module);
    return module;
}

/* VM.look: a path of steps in, one level of entries out, as tuples. VM.count_closures. */
#include "python/py.h"

/* The value of a step; false with an exception set. */
static bool read_step_value(PyObject *value, struct look_step *step)
{
    char *text;
    Py_ssize_t length;
    switch (step->kind) {
    case STEP_STRING:
        if (PyBytes_AsStringAndSize(value, &text, &length) < 0)
            return false;
        step->text = text;
        step->length = (size_t)length;
        return true;
    case STEP_NUMBER:
        step->number = PyFloat_AsDouble(value);
        break;
    case STEP_OBJECT:
        step->integer = (int64_t)PyLong_AsUnsignedLongLong(value);
        break;
    default:
        step->integer = PyLong_AsLongLong(value);
    }
    return PyErr_Occurred() == NULL;
}

/* The texts stay those of `path`. Returns how many steps there are; -1 with an exception set. */
static Py_ssize_t read_path(PyObject *path, struct look_step *steps)
{
    Py_ssize_t count = PyTuple_GET_SIZE(path);
    if (count > LOOK_STEPS) {
        PyErr_Format(PyExc_ValueError, "a path of %zd steps is over the limit of %d", count, LOOK_STEPS);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        int kind;
        PyObject *value;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(path, i), "iO", &kind, &value))
            return -1;
        if (kind < STEP_GLOBALS || kind > STEP_USER_VALUE) {
            PyErr_Format(PyExc_ValueError, "there is no step of kind %d", kind);
            return -1;
        }
        steps[i] = (struct look_step){.kind = (enum step_kind)kind};
        if (!read_step_value(value, &steps[i]))
            return -1;
    }
    return count;
}

enum { TYPE_NIL, TYPE_BOOLEAN, TYPE_LIGHT, TYPE_NUMBER, TYPE_STRING }; /* Lua's numbers, the same in all */

/* (type, plain value or None, address, bytes of the whole) */
static PyObject *value_tuple(const struct look *look, const struct look_value *value)
{
    PyObject *plain = NULL;
    if (value->type == TYPE_STRING)
        plain = PyBytes_FromStringAndSize(look->pool + value->text, (Py_ssize_t)value->kept);
    else if (value->type == TYPE_BOOLEAN)
        plain = PyBool_FromLong(value->integer != 0);
    else if (value->type == TYPE_NUMBER)
        plain = value->is_integer ? PyLong_FromLongLong(value->integer) : PyFloat_FromDouble(value->number);
    else
        plain = Py_NewRef(Py_None);
    return Py_BuildValue("iNKn", value->type, plain, (unsigned long long)(uintptr_t)value->address,
                         (Py_ssize_t)value->length);
}

/* (kind, upvalues, source, line, last line, generation, shared) */
static PyObject *function_tuple(const struct look *look, const struct look_function *function)
{
    return Py_BuildValue("iiy#iiKN", (int)function->kind, function->upvalues,
                         look->pool != NULL ? look->pool + function->source : "", (Py_ssize_t)function->source_kept,
                         function->line, function->last_line, (unsigned long long)function->generation,
                         PyBool_FromLong(function->shared));
}

static PyObject *entry_tuple(const struct look *look, const struct look_entry *entry)
{
    enum { TYPE_FUNCTION = 6 };
    bool named = entry->step < STEP_STRING || entry->step > STEP_OBJECT; /* not by a key of a table */
    PyObject *key = named ? Py_BuildValue("Ly#", (long long)entry->key.integer,
                                          look->pool != NULL ? look->pool + entry->key.text : "",
                                          (Py_ssize_t)entry->key.kept)
                          : value_tuple(look, &entry->key);
    PyObject *function =
        entry->value.type == TYPE_FUNCTION ? function_tuple(look, &entry->function) : Py_NewRef(Py_None);
    return Py_BuildValue("iNNnNNNN", (int)entry->step, key, value_tuple(look, &entry->value), (Py_ssize_t)entry->count,
                         PyBool_FromLong(entry->count_cut), PyBool_FromLong(entry->metatable),
                         PyBool_FromLong(entry->opens), function);
}

static PyObject *look_tuple(const struct look *look)
{
    PyObject *entries = PyList_New(0);
    for (size_t i = 0; entries != NULL && look->outcome == LOOK_DONE && i < look->count; i++) {
        PyObject *entry = entry_tuple(look, &look->entries[i]);
        if (entry == NULL || PyList_Append(entries, entry) < 0)
            Py_CLEAR(entries);
        Py_XDECREF(entry);
    }
    if (entries == NULL)
        return NULL;
    return Py_BuildValue("innnNnN", (int)look->outcome, (Py_ssize_t)look->gone, (Py_ssize_t)look->opened.type,
                         (Py_ssize_t)look->total, PyBool_FromLong(look->total_cut), (Py_ssize_t)look->listed, entries);
}

PyObject *vm_look(PyObject *self, PyObject *arguments)
{
    struct look_step steps[LOOK_STEPS];
    struct look look = {.steps = steps, .outcome = LOOK_DONE};
    struct request request = {.vm = vm_of(self), .kind = REQUEST_LOOK, .look = &look};
    PyObject *path, *answer = NULL;
    Py_ssize_t offset, limit;
    if (!PyArg_ParseTuple(arguments, "O!nn", &PyTuple_Type, &path, &offset, &limit))
        return NULL;
    if (offset < 0 || limit < 0)
        return PyErr_Format(PyExc_ValueError, "offset and limit cannot be negative");
    Py_ssize_t count = read_path(path, steps);
    if (count < 0)
        return NULL;
    look.step_count = (size_t)count;
    look.offset = (size_t)offset;
    look.limit = limit < LOOK_PAGE ? (size_t)limit : LOOK_PAGE;
    if (run_request(&request)) {
        if (request.status == STATUS_ERROR)
            look.outcome = LOOK_MEMORY;
        answer = look_tuple(&look);
    }
    look_free(&look);
    return answer;
}

PyObject *vm_count_closures(PyObject *self, PyObject *arguments)
{
    struct closure_search search = {.generation = 0};
    struct look look = {.outcome = LOOK_DONE, .search = &search};
    struct request request = {.vm = vm_of(self), .kind = REQUEST_LOOK, .look = &look};
    unsigned long long generation;
    PyObject *answer = NULL;
    if (!PyArg_ParseTuple(arguments, "Kii", &generation, &search.line, &search.last_line))
        return NULL;
    search.generation = generation;
    if (run_request(&request)) {
        if (request.status == STATUS_ERROR)
            look.outcome = LOOK_MEMORY;
        answer = Py_BuildValue("inN", (int)look.outcome, (Py_ssize_t)search.closures, PyBool_FromLong(search.cut));
    }
    look_free(&look);
    return answer;
}

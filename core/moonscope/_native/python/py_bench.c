/* The module's function `bench`. */
#include "python/py.h"

/* Borrowed char pointers of a list of bytes; NULL with an exception set. PyMem_Free. */
static const char **borrow_names(PyObject *list, Py_ssize_t *count)
{
    *count = PyList_GET_SIZE(list);
    const char **names = PyMem_Calloc((size_t)*count + 1, sizeof *names);
    for (Py_ssize_t i = 0; names != NULL && i < *count; i++)
        if ((names[i] = PyBytes_AsString(PyList_GET_ITEM(list, i))) == NULL) {
            PyMem_Free(names);
            return NULL;
        }
    return names != NULL ? names : (const char **)PyErr_NoMemory();
}

PyObject *bench(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *self, *list, *result = NULL;
    Py_ssize_t rounds, count;
    size_t stored = 0;
    if (!PyArg_ParseTuple(arguments, "O!O!n", &cache_type, &self, &PyList_Type, &list, &rounds))
        return NULL;
    if (rounds < 1 || rounds > 100000)
        return PyErr_Format(PyExc_ValueError, "rounds is 1 to 100000, not %zd", rounds);
    const char **names = borrow_names(list, &count);
    struct bench_round *out = PyMem_Calloc((size_t)rounds, sizeof *out);
    if (names == NULL || out == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    struct cache *cache = cache_of(self);
    Py_BEGIN_ALLOW_THREADS
    if (cache->tiers[0] != NULL)
        stored = lua_ops[cache->lua]->bench(cache, names, (size_t)count, (size_t)rounds, out);
    Py_END_ALLOW_THREADS
    if (stored == 0) {
        PyErr_SetString(PyExc_ValueError, "no file could be stored");
        goto done;
    }
    result = PyList_New(rounds);
    for (Py_ssize_t i = 0; result != NULL && i < rounds; i++) {
        PyObject *tuple = Py_BuildValue("ddd", out[i].bare_ns, out[i].hit_ns, out[i].quiet_ns);
        if (tuple == NULL)
            Py_CLEAR(result);
        else
            PyList_SET_ITEM(result, i, tuple);
    }
done:
    PyMem_Free(out);
    PyMem_Free(names);
    return result;
}

static PyObject *bench_lists(const struct bench_job *job)
{
    PyObject *result = PyList_New((Py_ssize_t)job->states);
    for (size_t i = 0; result != NULL && i < job->states; i++) {
        PyObject *passes = PyList_New((Py_ssize_t)job->passes);
        for (size_t k = 0; passes != NULL && k < job->passes; k++) {
            PyObject *ns = PyFloat_FromDouble(job->ns[i * job->passes + k]);
            if (ns == NULL)
                Py_CLEAR(passes);
            else
                PyList_SET_ITEM(passes, (Py_ssize_t)k, ns);
        }
        PyObject *pair = passes != NULL ? Py_BuildValue("Nn", passes, (Py_ssize_t)job->kept[i]) : NULL;
        if (pair == NULL)
            Py_CLEAR(result);
        else
            PyList_SET_ITEM(result, (Py_ssize_t)i, pair);
    }
    return result;
}

PyObject *bench_loads(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *self, *list, *result = NULL;
    Py_ssize_t states, passes, count;
    bool done;
    if (!PyArg_ParseTuple(arguments, "O!O!nn", &cache_type, &self, &PyList_Type, &list, &states, &passes))
        return NULL;
    if (states < 1 || states > 1000 || passes < 1 || passes > 100000 || PyList_GET_SIZE(list) == 0)
        return PyErr_Format(PyExc_ValueError, "1 to 1000 states, 1 to 100000 passes and one name at least");
    const char **names = borrow_names(list, &count);
    struct bench_job job = {cache_of(self), names, (size_t)count, (size_t)states, (size_t)passes, NULL, NULL, NULL};
    job.ns = PyMem_Calloc(job.states * job.passes, sizeof *job.ns);
    job.kept = PyMem_Calloc(job.states, sizeof *job.kept);
    if (names == NULL || job.ns == NULL || job.kept == NULL) {
        if (names != NULL)
            PyErr_NoMemory();
        goto end;
    }
    Py_BEGIN_ALLOW_THREADS
    done = lua_ops[job.cache->lua]->bench_loads(&job);
    Py_END_ALLOW_THREADS
    if (done)
        result = bench_lists(&job);
    else
        PyErr_SetString(PyExc_ValueError, job.error != NULL ? job.error : "not enough memory");
end:
    free(job.error);
    PyMem_Free(job.kept);
    PyMem_Free(job.ns);
    PyMem_Free(names);
    return result;
}

/* Snapshots as lists of tuples. */
#include "py_rows.h"

#include <string.h>

/* A list of `count` tuples from an array of rows of `size` bytes. */
static PyObject *rows_list(const void *rows, size_t count, size_t size, PyObject *(*make)(const void *))
{
    if (rows == NULL)
        return PyErr_NoMemory();
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *tuple = make((const char *)rows + i * size);
        if (tuple == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, tuple);
    }
    return list;
}

#define BIG(number) ((unsigned long long)(number))

static PyObject *file_tuple(const void *data)
{
    const struct file_row *row = data;
    return Py_BuildValue("y#KKKKKKdIy", row->file->key, (Py_ssize_t)row->file->length, BIG(row->generation),
                         BIG(row->loads[OUTCOME_HIT]), BIG(row->loads[OUTCOME_MISS]), BIG(row->loads[OUTCOME_BYPASS]),
                         BIG(row->loads[OUTCOME_RACE]), BIG(row->loads[OUTCOME_ERROR]), row->last_load, row->retired,
                         row->error != NULL ? row->error : "");
}

PyObject *file_list(struct cache *cache)
{
    size_t count;
    struct file_row *rows;
    Py_BEGIN_ALLOW_THREADS
    rows = snapshot_files(cache, &count);
    Py_END_ALLOW_THREADS
    PyObject *list = rows_list(rows, count, sizeof *rows, file_tuple);
    file_rows_free(rows, count);
    return list;
}

static PyObject *generation_tuple(const void *data)
{
    const struct generation_row *row = data;
    return Py_BuildValue("Ky#iKKKKIKddyKdIsIKs", BIG(row->id), row->file->key, (Py_ssize_t)row->file->length, (int)row->state,
                         BIG(row->source_bytes), BIG(row->shared), BIG(row->unshared), BIG(row->private), row->holders,
                         BIG(row->hits), row->created, (double)row->compile_ns / 1e3,
                         row->path != NULL ? row->path : "", BIG(row->inode), (double)row->mtime_ns / 1e9,
                         row->prototypes, row->tier, row->conflicts, BIG(row->on_conflict), row->conflict_tier);
}

PyObject *generation_list(struct cache *cache)
{
    size_t count;
    struct generation_row *rows;
    Py_BEGIN_ALLOW_THREADS
    rows = snapshot_generations(cache, &count);
    Py_END_ALLOW_THREADS
    PyObject *list = rows_list(rows, count, sizeof *rows, generation_tuple);
    generation_rows_free(rows, count);
    return list;
}

static PyObject *vm_tuple(const void *data)
{
    const struct vm_row *row = data;
    return Py_BuildValue("KnnKKKKKnin", BIG(row->id), (Py_ssize_t)row->memory, (Py_ssize_t)row->peak,
                         BIG(row->loads[OUTCOME_HIT]), BIG(row->loads[OUTCOME_MISS]), BIG(row->loads[OUTCOME_BYPASS]),
                         BIG(row->loads[OUTCOME_RACE]), BIG(row->loads[OUTCOME_ERROR]), (Py_ssize_t)row->generations,
                         row->mode, (Py_ssize_t)row->conflicts);
}

PyObject *vm_list(struct cache *cache)
{
    size_t count;
    struct vm_row *rows;
    Py_BEGIN_ALLOW_THREADS
    rows = snapshot_vms(cache, &count);
    Py_END_ALLOW_THREADS
    PyObject *list = rows_list(rows, count, sizeof *rows, vm_tuple);
    free(rows);
    return list;
}

PyObject *totals_tuple(struct cache *cache)
{
    struct totals totals;
    Py_BEGIN_ALLOW_THREADS
    snapshot_totals(cache, &totals);
    Py_END_ALLOW_THREADS
    return Py_BuildValue("KKKKKKKKKKKK", BIG(totals.loads[OUTCOME_HIT]), BIG(totals.loads[OUTCOME_MISS]),
                         BIG(totals.loads[OUTCOME_BYPASS]), BIG(totals.loads[OUTCOME_RACE]),
                         BIG(totals.loads[OUTCOME_ERROR]), BIG(totals.shared), BIG(totals.retained), BIG(totals.private),
                         BIG(totals.unshared), BIG(totals.vms), BIG(totals.dropped), BIG(totals.overhead));
}

/* Snapshots as named tuples. */
#include "python/py_rows.h"

#include <string.h>

enum record { FILE_RECORD, GENERATION_RECORD, VM_RECORD, EVENT_RECORD, CHANGES_RECORD, TOTALS_RECORD, RECORDS };

/* The names of the fields, in the order in which the functions below build them. */
static const struct {
    const char *name, *fields[20];
} layouts[RECORDS] = {
    [FILE_RECORD] = {"moonscope._native.FileRecord",
                     {"key", "generation", "hits", "misses", "bypasses", "races", "errors", "last_load", "retired", "error"}},
    [GENERATION_RECORD] = {"moonscope._native.GenerationRecord",
                           {"id", "key", "state", "source_bytes", "shared_bytes", "unshared_bytes", "private_bytes", "holders",
                            "hits", "created", "compile_us", "path", "inode", "mtime", "prototypes", "tier", "conflicts",
                            "conflict_bytes", "conflict_tier"}},
    [VM_RECORD] = {"moonscope._native.VMRecord",
                   {"id", "memory", "memory_peak", "hits", "misses", "bypasses", "races", "errors", "generations", "mode",
                    "conflicts"}},
    [EVENT_RECORD] = {"moonscope._native.EventRecord",
                      {"serial", "time", "vm", "key", "outcome", "duration_us", "bytes", "generation"}},
    [CHANGES_RECORD] = {"moonscope._native.Changes",
                        {"revision", "whole", "files", "files_gone", "generations", "generations_gone", "vms", "vms_gone"}},
    [TOTALS_RECORD] = {"moonscope._native.Totals",
                       {"hits", "misses", "bypasses", "races", "errors", "shared_bytes", "retained_bytes", "private_bytes",
                        "unshared_bytes", "vms", "dropped", "overhead_bytes", "evicted", "lowered", "files"}},
};

static PyTypeObject *types[RECORDS]; /* made once, never freed */

bool records_start(void)
{
    for (int kind = 0; kind < RECORDS; kind++) {
        PyStructSequence_Field fields[20] = {{NULL, NULL}};
        int count = 0;
        for (; layouts[kind].fields[count] != NULL; count++)
            fields[count].name = layouts[kind].fields[count];
        PyStructSequence_Desc layout = {layouts[kind].name, NULL, fields, count};
        if (types[kind] == NULL && (types[kind] = PyStructSequence_NewType(&layout)) == NULL)
            return false;
    }
    return true;
}

/* The values of a tuple, which is taken over (NULL: the exception stays set), with names. */
static PyObject *named(enum record kind, PyObject *tuple)
{
    PyObject *record = tuple != NULL ? PyStructSequence_New(types[kind]) : NULL;
    for (Py_ssize_t i = 0; record != NULL && i < PyTuple_GET_SIZE(tuple); i++)
        PyStructSequence_SetItem(record, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    Py_XDECREF(tuple);
    return record;
}

/* A list of `count` records from an array of rows of `size` bytes. */
static PyObject *rows_list(const void *rows, size_t count, size_t size, PyObject *(*make)(const void *))
{
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

static PyObject *named_file(const void *data)
{
    const struct file_row *row = data;
    return named(FILE_RECORD, Py_BuildValue("y#KKKKKKdIy", row->names, (Py_ssize_t)row->key_length, BIG(row->generation),
                         BIG(row->loads[OUTCOME_HIT]), BIG(row->loads[OUTCOME_MISS]), BIG(row->loads[OUTCOME_BYPASS]),
                         BIG(row->loads[OUTCOME_RACE]), BIG(row->loads[OUTCOME_ERROR]), row->last_load, row->retired,
                         row->names + row->key_length + 1));
}

static PyObject *named_generation(const void *data)
{
    const struct generation_row *row = data;
    return named(GENERATION_RECORD, Py_BuildValue("Ky#iKKKKIKddyKdIsIKs", BIG(row->id), row->names, (Py_ssize_t)row->key_length, (int)row->state,
                         BIG(row->source_bytes), BIG(row->shared), BIG(row->unshared), BIG(row->private), row->holders,
                         BIG(row->hits), row->created, (double)row->compile_ns / 1e3, row->names + row->key_length + 1,
                         BIG(row->inode), (double)row->mtime_ns / 1e9, row->prototypes, row->tier, row->conflicts,
                         BIG(row->on_conflict), row->conflict_tier));
}

static PyObject *named_vm(const void *data)
{
    const struct vm_row *row = data;
    return named(VM_RECORD, Py_BuildValue("KnnKKKKKnin", BIG(row->id), (Py_ssize_t)row->memory, (Py_ssize_t)row->peak,
                         BIG(row->loads[OUTCOME_HIT]), BIG(row->loads[OUTCOME_MISS]), BIG(row->loads[OUTCOME_BYPASS]),
                         BIG(row->loads[OUTCOME_RACE]), BIG(row->loads[OUTCOME_ERROR]), (Py_ssize_t)row->generations,
                         row->mode, (Py_ssize_t)row->conflicts));
}

static PyObject *files_of(const struct snapshot *snapshot)
{
    return rows_list(snapshot->files, snapshot->file_count, sizeof *snapshot->files, named_file);
}

static PyObject *generations_of(const struct snapshot *snapshot)
{
    return rows_list(snapshot->generations, snapshot->generation_count, sizeof *snapshot->generations, named_generation);
}

static PyObject *vms_of(const struct snapshot *snapshot)
{
    return rows_list(snapshot->vms, snapshot->vm_count, sizeof *snapshot->vms, named_vm);
}

/* Keys of files or ids of generations or VMs. */
static PyObject *gone_of(const struct snapshot *snapshot, enum row_kind kind)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < snapshot->gone_count; i++) {
        const struct gone_row *row = &snapshot->gone[i];
        if (row->kind != kind)
            continue;
        PyObject *item = kind == ROW_FILE ? PyBytes_FromStringAndSize(row->key, (Py_ssize_t)row->length)
                                          : PyLong_FromUnsignedLongLong(row->id);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* What `make` gives of a snapshot, which is freed. */
static PyObject *made_of(struct snapshot *snapshot, bool done, PyObject *(*make)(const struct snapshot *))
{
    PyObject *made = done ? make(snapshot) : PyErr_NoMemory();
    snapshot_free(snapshot);
    return made;
}

static PyObject *list_of(struct cache *cache, enum row_kind kind, PyObject *(*make)(const struct snapshot *))
{
    struct snapshot snapshot;
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = snapshot_rows(cache, kind, &snapshot);
    Py_END_ALLOW_THREADS
    return made_of(&snapshot, done, make);
}

PyObject *file_list(struct cache *cache)
{
    return list_of(cache, ROW_FILE, files_of);
}

PyObject *generation_list(struct cache *cache)
{
    return list_of(cache, ROW_GENERATION, generations_of);
}

PyObject *vm_list(struct cache *cache)
{
    return list_of(cache, ROW_VM, vms_of);
}

static PyObject *first_generation(const struct snapshot *snapshot)
{
    return snapshot->generation_count > 0 ? named_generation(snapshot->generations) : Py_NewRef(Py_None);
}

PyObject *generation_or_none(struct cache *cache, uint64_t id)
{
    struct snapshot snapshot;
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = snapshot_generation(cache, id, &snapshot);
    Py_END_ALLOW_THREADS
    return made_of(&snapshot, done, first_generation);
}

static PyObject *all_of(const struct snapshot *snapshot)
{
    PyObject *parts[] = {
        files_of(snapshot),       gone_of(snapshot, ROW_FILE), generations_of(snapshot), gone_of(snapshot, ROW_GENERATION),
        vms_of(snapshot),         gone_of(snapshot, ROW_VM),
    };
    bool complete = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        complete = complete && parts[i] != NULL;
    PyObject *tuple = complete ? Py_BuildValue("KOOOOOOO", BIG(snapshot->revision), snapshot->whole ? Py_True : Py_False,
                                               parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
                               : NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        Py_XDECREF(parts[i]);
    return named(CHANGES_RECORD, tuple);
}

PyObject *event_record(const struct event *event, uint64_t serial, double time, double microseconds)
{
    return named(EVENT_RECORD, Py_BuildValue("KdKyidKK", BIG(serial), time, BIG(event->vm),
                                             event->key != NULL ? event->key : "", (int)event->outcome, microseconds,
                                             BIG(event->bytes), BIG(event->generation)));
}

PyObject *changes_record(struct cache *cache, uint64_t since)
{
    struct snapshot snapshot;
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = snapshot_changes(cache, since, &snapshot);
    Py_END_ALLOW_THREADS
    return made_of(&snapshot, done, all_of);
}

PyObject *totals_record(struct cache *cache)
{
    struct totals totals;
    Py_BEGIN_ALLOW_THREADS
    snapshot_totals(cache, &totals);
    Py_END_ALLOW_THREADS
    return named(TOTALS_RECORD, Py_BuildValue("KKKKKKKKKKKKKKK", BIG(totals.loads[OUTCOME_HIT]), BIG(totals.loads[OUTCOME_MISS]),
                         BIG(totals.loads[OUTCOME_BYPASS]), BIG(totals.loads[OUTCOME_RACE]),
                         BIG(totals.loads[OUTCOME_ERROR]), BIG(totals.shared), BIG(totals.retained), BIG(totals.private),
                         BIG(totals.unshared), BIG(totals.vms), BIG(totals.dropped), BIG(totals.overhead),
                         BIG(totals.evicted), BIG(totals.lowered), BIG(totals.files)));
}

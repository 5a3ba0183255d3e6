/* Snapshots of a cache as named tuples, and lists of them, as _moonscope.pyi says. New references; NULL with an exception
   set. */
#ifndef MOONSCOPE_PY_ROWS_H
#define MOONSCOPE_PY_ROWS_H

#include "python/py.h"

#include "cache/ring.h"
#include "cache/snapshot.h"

/* Makes the types of the records. False with an exception set. */
bool records_start(void);

PyObject *file_list(struct cache *);
PyObject *generation_list(struct cache *);
PyObject *vm_list(struct cache *);
PyObject *changes_record(struct cache *, uint64_t since);
PyObject *generation_or_none(struct cache *, uint64_t id);
PyObject *totals_record(struct cache *);
PyObject *event_record(const struct event *, uint64_t serial, double time, double microseconds);

#endif

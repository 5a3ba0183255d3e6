/* Snapshots of a cache as lists of tuples, shaped as _moonscope.pyi says. New references; NULL with an exception set. */
#ifndef MOONSCOPE_PY_ROWS_H
#define MOONSCOPE_PY_ROWS_H

#include "py.h"

#include "snapshot.h"

PyObject *file_list(struct cache *);
PyObject *generation_list(struct cache *);
PyObject *vm_list(struct cache *);
PyObject *change_tuple(struct cache *, uint64_t since);
PyObject *generation_or_none(struct cache *, uint64_t id);
PyObject *totals_tuple(struct cache *);

#endif

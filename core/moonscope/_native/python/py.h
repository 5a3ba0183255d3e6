/* The Python face of the C part; typed in _moonscope.pyi. */
#ifndef MOONSCOPE_PY_H
#define MOONSCOPE_PY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "lua/lua.h"

extern PyTypeObject cache_type, vm_type;

/* Which Luas bind() has resolved; written under the GIL. */
extern bool lua_bound[LUAS];
extern const struct tier *lua_sharing[LUAS]; /* the best tier of each bound Lua; NULL: only bytecode */

/* This extension's own file, for package.loadlib; NULL with an exception set. A new reference. */
PyObject *own_library(void);

/* Of a Python Cache; borrowed. */
struct cache *cache_of(PyObject *self);

/* A Python VM for a record; takes over the caller's reference to `vm`, and `state` of a managed one (NULL: a runtime of
   the calling program is to be attached, by `token`). */
PyObject *vm_object(struct vm *vm, lua_State *state, const char *token);

/* The record of a Python VM; borrowed. */
struct vm *vm_of(PyObject *);

/* Carries out a request in its VM, without the GIL. False with an exception set: the VM can take none.
   Only one at a time, and only while the state is alive: moonscope.vms sees to both. */
bool run_request(struct request *);

/* Methods of VM. */
PyObject *vm_look(PyObject *self, PyObject *arguments);
PyObject *vm_count_closures(PyObject *self, PyObject *arguments);

/* The module's functions of these names. */
PyObject *bench(PyObject *module, PyObject *arguments);
PyObject *bench_loads(PyObject *module, PyObject *arguments);

#endif

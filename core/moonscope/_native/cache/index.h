/* Key → file: open addressing, read without a lock. A file that is taken out leaves a mark behind; when marks and files
   fill half of the table, a new one with room for the files is published. The old one is freed when every reader that
   may be in it has left (epochs: see cache.h). */
#ifndef MOONSCOPE_INDEX_H
#define MOONSCOPE_INDEX_H

#include "cache/generation.h"

#include <stdbool.h>

struct index_table;

struct index {
    _Atomic(struct index_table *) table;
    /* Under the writer's lock: */
    size_t count, marks;
    struct index_table *old; /* replaced, not freed yet */
    size_t bytes;            /* of all tables */
};

/* False: no memory. */
bool index_init(struct index *);
void index_destroy(struct index *); /* frees tables, not files */

uint64_t index_hash(const char *key, size_t length);

/* From any thread, inside vm_enter / vm_exit or under the writer's lock. NULL: not there. */
struct file *index_find(const struct index *, uint64_t hash, const char *key, size_t length);

/* Under the writer's lock; the key must not be there yet. `epoch` is advanced when a table is replaced. False: no memory,
   nothing changed. */
bool index_add(struct index *, struct file *, _Atomic uint64_t *epoch);

/* Under the writer's lock: the file, which must be there, is found no more by readers that begin from now on. */
void index_remove(struct index *, struct file *, _Atomic uint64_t *epoch);

/* Under the writer's lock: frees the old tables that no reader is in; `oldest` is the epoch that the first of them
   entered in. */
void index_reclaim(struct index *, uint64_t oldest);

#endif

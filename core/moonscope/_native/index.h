/* Key → file: open addressing, read without a lock. Files are never taken out; growing publishes a new table and
   keeps the old ones (they halve in size, so all together are no larger than the newest) until the index is freed. */
#ifndef MOONSCOPE_INDEX_H
#define MOONSCOPE_INDEX_H

#include "generation.h"

#include <stdbool.h>

struct index_table;

struct index {
    _Atomic(struct index_table *) table;
    size_t count; /* under the writer's lock */
};

/* False: no memory. */
bool index_init(struct index *);
void index_destroy(struct index *); /* frees tables, not files */

uint64_t index_hash(const char *key, size_t length);

/* From any thread. NULL: not there. */
struct file *index_find(const struct index *, uint64_t hash, const char *key, size_t length);

/* Under the writer's lock; the key must not be there yet. False: no memory, nothing changed. */
bool index_add(struct index *, struct file *);

#endif

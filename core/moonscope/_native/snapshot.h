/* Copies of the cache's state as plain values, made under its lock and given out without it: building Python objects
   may run anything, even the end of a VM, which needs that lock. */
#ifndef MOONSCOPE_SNAPSHOT_H
#define MOONSCOPE_SNAPSHOT_H

#include "lua.h"

struct file_row {
    const struct file *file; /* lives as long as the cache */
    uint64_t generation;     /* id; 0: none is current */
    uint64_t loads[OUTCOMES];
    double last_load;
    uint32_t retired;
    char *error; /* owned by the row; NULL: none */
};

struct generation_row {
    uint64_t id;
    const struct file *file;
    enum generation_state state;
    uint64_t source_bytes, shared, unshared, private, on_conflict, hits;
    uint32_t holders, conflicts, prototypes;
    double created;
    uint64_t compile_ns;
    char *path; /* owned by the row; NULL: no memory */
    uint64_t inode;
    int64_t mtime_ns;
    const char *tier;
    const char *conflict_tier; /* what holders in conflict have */
};

struct vm_row {
    uint64_t id, loads[OUTCOMES];
    size_t memory, peak, generations, conflicts;
    int mode;
};

struct totals {
    uint64_t loads[OUTCOMES];
    uint64_t shared, retained, private, unshared, vms, dropped, overhead;
};

/* Each returns an array that the caller frees (with its function where there is one) and sets *count; NULL: no memory. */
struct file_row *snapshot_files(struct cache *, size_t *count);
void file_rows_free(struct file_row *, size_t count);
/* Measures all generations that have not been measured yet, as far as there is memory for it. Takes the lock only now and then. */
void snapshot_measure(struct cache *);
struct generation_row *snapshot_generations(struct cache *, size_t *count);
void generation_rows_free(struct generation_row *, size_t count);
struct vm_row *snapshot_vms(struct cache *, size_t *count);
void snapshot_totals(struct cache *, struct totals *);

/* Ids of the VMs that hold a generation. */
uint64_t *snapshot_holders(struct cache *, uint64_t generation, size_t *count);

/* The dumped chunk of a generation; NULL with *found false: there is no such generation, or it was released. */
char *snapshot_payload(struct cache *, uint64_t generation, size_t *size, bool *found);

#endif

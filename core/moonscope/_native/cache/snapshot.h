/* Copies of the cache's state as plain values, made under its lock and given out without it: building Python objects
   may run anything, even the end of a VM, which needs that lock. */
#ifndef MOONSCOPE_SNAPSHOT_H
#define MOONSCOPE_SNAPSHOT_H

#include "lua/lua.h"

/* `names` is owned by the row: two texts, one after the other, each with a NUL; NULL: no memory. */
struct file_row {
    char *names;         /* key, error (empty: none) */
    size_t key_length;
    uint64_t generation; /* id; 0: none is current */
    uint64_t loads[OUTCOMES];
    double last_load;
    uint32_t retired;
};

struct generation_row {
    char *names; /* key, path */
    size_t key_length;
    uint64_t id;
    enum generation_state state;
    uint64_t source_bytes, shared, unshared, private, on_conflict, hits;
    uint32_t holders, conflicts, prototypes;
    double created;
    uint64_t compile_ns;
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

struct gone_row {
    uint64_t id;
    char *key; /* of a file, owned by the row; NULL: no memory */
    size_t length;
    enum row_kind kind;
};

/* Each array is owned, with what is in it. */
struct snapshot {
    uint64_t revision;
    bool whole; /* all there is, not only what changed */
    struct file_row *files;
    struct generation_row *generations;
    struct vm_row *vms;
    struct gone_row *gone;
    size_t file_count, generation_count, vm_count, gone_count;
};

struct totals {
    uint64_t loads[OUTCOMES];
    uint64_t shared, retained, private, unshared, vms, dropped, overhead, evicted, lowered, files;
};

/* The rows that changed after revision `since`, and what is gone since then; all there is for 0, and when that is not known
   any more. False: no memory. Free it in any case. */
bool snapshot_changes(struct cache *, uint64_t since, struct snapshot *);

/* All rows of a kind. As above. */
bool snapshot_rows(struct cache *, enum row_kind, struct snapshot *);
void snapshot_free(struct snapshot *);

/* Only the row of that generation, if it is there. As above. */
bool snapshot_generation(struct cache *, uint64_t id, struct snapshot *);

void snapshot_totals(struct cache *, struct totals *);

/* Measures all generations that have not been measured yet, as far as there is memory for it. Takes the lock only now and then. */
void snapshot_measure(struct cache *);

/* Ids of the VMs that hold a generation; the caller frees them. NULL: no memory. */
uint64_t *snapshot_holders(struct cache *, uint64_t generation, size_t *count);

/* The dumped chunk of a generation; NULL with *found false: there is no such generation, or it was released. */
char *snapshot_payload(struct cache *, uint64_t generation, size_t *size, bool *found);

#endif

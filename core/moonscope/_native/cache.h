/* The cache of one Lua: files and their generations, found without a lock, changed under one.

   A reader (a VM inside a load) announces the epoch it entered in (vm_enter); what is retired carries the epoch of
   its retirement and is freed only when every reader that is still inside entered later. Readers never wait for
   writers, and a writer never waits for readers: what cannot be freed yet is tried again at the next change.

   Lock order: cache->lock before vm->lock. Neither is ever held across a call into Lua or Python. */
#ifndef MOONSCOPE_CACHE_H
#define MOONSCOPE_CACHE_H

#include "moonscope.h"

#include <pthread.h>

#include "generation.h"
#include "index.h"
#include "ring.h"

struct hold;
struct vm;

/* Keys that never stored anything (missing files, bypasses) are remembered up to this number; beyond it their loads
   are counted in the VM only, so that a script that makes up names cannot fill the process. */
enum { FRUITLESS_FILES = 65536, TIERS = 2 };

struct cache {
    _Atomic int refs;
    enum lua_index lua;
    const struct tier *tiers[TIERS]; /* in the order they are tried; the first NULL ends them */
    bool allow_binary;
    struct index index;
    struct ring *ring;
    _Atomic uint64_t epoch;
    pthread_mutex_t lock;
    /* Under the lock: */
    struct file *files, **files_end;
    struct file_block *file_blocks; /* where they lie, newest first */
    size_t file_count, fruitless;
    struct generation *generations; /* all that are not freed, newest first */
    size_t generation_count;
    uint64_t last_generation;
    struct generation **slots; /* by generation->slot; NULL: free */
    size_t slot_count;
    struct vm *vms; /* attached and not closed; each holds a reference to the cache, the cache none to them */
    size_t vm_count;
    uint64_t folded[OUTCOMES]; /* loads of VMs that are closed */
    uint64_t serial;           /* of the next drained event */
};

/* NULL: no memory. One reference, the caller's. */
struct cache *cache_new(enum lua_index, const struct tier *const tiers[TIERS], bool allow_binary, size_t ring_capacity);
void cache_retain(struct cache *);
void cache_release(struct cache *);

/* The file of a key, made when needed. NULL: no memory, or too many fruitless keys. */
struct file *cache_file(struct cache *, uint64_t hash, const char *key, size_t length);

/* Makes `payload` the current generation of `file` and takes it over. When another VM was first, frees it and returns
   the other's with *raced set. NULL: no memory, `payload` is freed. Call inside vm_enter / vm_exit. */
struct generation *cache_publish(struct cache *, struct file *, const struct tier *, struct payload *,
                                 const struct source *, uint64_t compile_ns, bool *raced);

/* Remembers a failed load's text (NULL: it loads again). */
void cache_note_error(struct cache *, struct file *, const char *text);

struct cleared {
    size_t files;
    uint64_t freed;    /* bytes returned */
    uint64_t retained; /* bytes that wait for holders, or for a load under way */
    uint64_t *vms;     /* ids of VMs that hold what was cleared; the caller frees it */
    size_t vm_count;
};

/* Takes the current generations of all files (count < 0) or of the named ones out of the index. `dry`: only tells.
   False: no memory for the report, nothing was done. */
bool cache_clear(struct cache *, const char *const *keys, const size_t *lengths, ptrdiff_t count, bool dry,
                 struct cleared *);

/* Under cache->lock: brings hit counts and holders home from the VMs. A counter that all VMs write at each first load
   would be a cache line they fight over: two threads got 1.45 times the first loads of one, not 1.9. */
void cache_fold(struct cache *);

/* Under cache->lock and vm->lock: the same of one hold, which is taken. */
void cache_fold_hold(struct cache *, struct hold *, uint32_t slot, double now);

/* Under cache->lock: folds, and frees what nobody can see any more. */
void cache_reclaim(struct cache *);

#endif

/* The cache of one Lua: files and their generations, found without a lock, changed under one.

   A reader (a VM inside a load) announces the epoch it entered in (vm_enter); what is retired carries the epoch of
   its retirement and is freed only when every reader that is still inside entered later. Readers never wait for
   writers, and a writer never waits for readers: what cannot be freed yet is tried again at the next change.

   Lock order: cache->lock before vm->lock. Neither is ever held across a call into Lua or Python. */
#ifndef MOONSCOPE_CACHE_H
#define MOONSCOPE_CACHE_H

#include "cache/moonscope.h"

#include <pthread.h>

#include "cache/changes.h"
#include "cache/generation.h"
#include "cache/index.h"
#include "cache/ring.h"

struct hold;
struct vm;

enum { TIERS = 2 };

struct cache {
    _Atomic int refs;
    struct cache *previous, *next; /* of the process; see fork.h */
    enum lua_index lua;
    const struct tier *tiers[TIERS]; /* in the order they are tried; the first NULL ends them */
    bool allow_binary;
    struct index index;
    struct ring *ring;
    _Atomic uint64_t epoch;
    pthread_mutex_t lock;
    /* Under the lock: */
    struct changes changes; /* with the rows of all files, generations and VMs */
    struct visitors failed, bypassed;
    struct link forgotten; /* files that are out of the index and not freed */
    size_t forgotten_count;
    size_t draining; /* readers that hold events they took from the ring */
    bool drained;    /* somebody takes events */
    struct file_block *file_block; /* that the next file lies in */
    size_t file_count, generation_count, current_count;
    size_t lowered; /* generations of another tier than the first, which could not hold the function */
    struct link least_recent; /* current generations, the one hit last at the end, as far as hits are folded in */
    struct link leaving;      /* retired generations that may be freed soon */
    struct link unmeasured;
    uint64_t last_generation;
    struct generation **slots; /* by generation->slot; NULL: free */
    size_t slot_count, free_slot; /* no slot below free_slot is free */
    struct vm *vms; /* attached and not closed; each holds a reference to the cache, the cache none to them */
    size_t vm_count;
    uint64_t folded[OUTCOMES]; /* loads of VMs that are closed */
    uint64_t serial;           /* of the next drained event */
    /* Sums over what there is, in bytes: */
    uint64_t shared, retained; /* payloads, and those of retired generations */
    uint64_t spared;           /* what the holders would hold more without the cache */
    uint64_t records;          /* of files and generations, and what the C allocator rounds payloads up by */
    /* Limits; 0: none. See limits.h. */
    uint64_t max_bytes, max_files;
    uint64_t evicted; /* generations, by the limits, in all */
};

/* NULL: no memory. One reference, the caller's. */
struct cache *cache_new(enum lua_index, const struct tier *const tiers[TIERS], bool allow_binary, size_t ring_capacity);
void cache_retain(struct cache *);
void cache_release(struct cache *);

/* Makes `payload` the current generation of a key and takes it over; counts the miss, or the race when another VM was
   first: then frees it and returns the other's with *raced set. NULL: no memory, `payload` is freed. Call inside
   vm_enter / vm_exit. */
struct generation *cache_publish(struct cache *, const struct key *, const struct tier *, struct payload *,
                                 const struct source *, uint64_t compile_ns, bool *raced);

/* Counts a load of a key that neither found nor stored anything: a bypass, which also ends what failed before, or an error
   with its text (NULL: not the file's fault). Without memory only the VM counts it. */
void cache_note(struct cache *, const struct key *, enum outcome, const char *error);

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

/* Under cache->lock, as all that follows: adds hits and holders of all VMs, or of one, to the generations. A counter that
   all VMs write at each first load would be a cache line they fight over: two threads got 1.45 times the first loads of
   one, not 1.9. Costs a look at each VM, and the holds of those that loaded something since. */
void cache_fold(struct cache *);
void cache_fold_vm(struct cache *, struct vm *);

/* Folds, and frees what nobody can see any more. Costs what was retired and not yet decided upon. */
void cache_reclaim(struct cache *);

/* A current generation is found no more; the next cache_reclaim frees it, or leaves it to its holders. */
void generation_retire(struct cache *, struct generation *);

/* Under vm->lock too: the same of one hold, which has hits. */
void cache_fold_hold(struct cache *, struct hold *, uint32_t slot, double now);

/* Under vm->lock too: folds a hold that ends; the generation has a holder less. */
void cache_end_hold(struct cache *, struct hold *, uint32_t slot);

/* Brings the sums up to date with the generation's numbers, and says that its row changed. */
void generation_changed(struct cache *, struct generation *);

#endif

/* The records of the cache: a file (one key, as a VM gave it) and its generations (one compiled version each). */
#ifndef MOONSCOPE_GENERATION_H
#define MOONSCOPE_GENERATION_H

#include "cache/moonscope.h"

#include <stdatomic.h>

#include "cache/list.h"
#include "cache/ring.h"
#include "cache/source.h"
#include "cache/tier.h"

enum generation_state { GENERATION_CURRENT, GENERATION_RETIRED };

/* What a hit reads of a file, a generation and a frozen tree is kept together: of files that were not used for a while each
   cache line that is touched costs as much as half a hit. */
enum { CACHE_LINE = 64 };

/* The place of a record among those of its kind, the one that changed last at the end. Under the cache's lock. */
struct row {
    struct link order;
    uint64_t changed; /* revision of the cache (changes.h) */
};

/* A name as a VM gave it, and its index_hash. `text` is borrowed and ends with a NUL, its only one. */
struct key {
    const char *text;
    size_t length;
    uint64_t hash;
};

struct file_block;

/* Files without a generation, those asked for last at the end; see files.h. */
struct visitors {
    struct link files;
    size_t count;
};

/* Owned by the cache. In the index while it has a generation, or is a visitor (files.h). Then it is forgotten, and freed when no load under way and no event in the ring can have a pointer to it.
   `chunkname`, `length`, `hash`: immutable. `current` and `loads`: atomic. The rest: under the cache's lock. */
struct file {
    struct row row;
    struct link place; /* in `visitors`, in cache->forgotten, or in neither */
    struct visitors *visitors; /* of the cache; NULL: it is none */
    struct file_block *block; /* that it lies in */
    _Atomic uint64_t loads[OUTCOMES]; /* hits are folded in from the VMs (cache_fold) */
    double last_load;
    char *error; /* owned; NULL once it loads again */
    uint32_t retired; /* generations that are retired and not freed */
    uint64_t forgotten_at; /* epoch */
    bool marked;
    struct ring_mark mark; /* once `marked`: events written from here on do not point to it */
    /* Read by a hit: */
    _Alignas(CACHE_LINE) _Atomic(struct generation *) current;
    uint64_t hash;
    size_t length;
    char chunkname[]; /* "@" and the key: what Lua calls a chunk that came from a file */
};

static inline const char *file_key(const struct file *file)
{
    return file->chunkname + 1;
}

/* Owned by the cache: published (reachable through file->current), then retired; freed when no reader that may have
   seen it is inside a load and no VM holds it. Immutable but for the atomics and what is said to be under the lock. */
struct generation {
    /* Read by a hit: */
    _Alignas(CACHE_LINE) const struct tier *tier;
    struct payload payload; /* of a retired one under the lock: data is NULL once released */
    uint64_t id;
    uint32_t slot; /* dense number, reused after it is freed: where VMs keep what they know of it (struct hold) */
    bool binary; /* a dumped chunk, as source says */
    /* Not read by a hit: */
    struct file *file;
    uint64_t source_bytes, inode; /* of the file, as source has them */
    int64_t mtime_ns;
    double created;
    uint64_t compile_ns;
    /* Under the cache's lock: */
    struct row row;
    struct link turn; /* current: in cache->least_recent; retired: in cache->leaving, or in no list while it is held */
    struct link unmeasured; /* in cache->unmeasured, or in no list */
    enum generation_state state;
    bool chosen; /* a clear under way is about it */
    uint64_t hits;
    uint32_t holders; /* VMs that hold it, as far as they are folded in (cache_fold) */
    uint32_t conflicts; /* of the holders, those that may not run the one prototype; likewise */
    uint64_t unshared; /* bytes a VM holds after loading it plainly; 0: not measured yet */
    uint64_t private;  /* bytes a VM holds after loading it by this tier; measured with `unshared` */
    uint64_t on_conflict; /* bytes one of those holds; measured with them; 0: the tier knows no conflict */
    uint64_t spared;     /* what it adds to cache->spared; may be negative, modulo 2^64 */
    uint64_t retired_at; /* epoch of its retirement */
    uint32_t pins;       /* measurements or copies under way that read the payload outside a VM */
    char path[]; /* the file's, as source has it */
};

_Static_assert(offsetof(struct generation, file) <= CACHE_LINE, "what a hit reads of a generation is one line");

#endif

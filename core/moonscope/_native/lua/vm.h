/* One VM as the cache sees it. Written by the thread that runs the VM; read by any. */
#ifndef MOONSCOPE_VM_H
#define MOONSCOPE_VM_H

#include "cache/cache.h"
#include "lua/clock.h"
#include "cache/grafts.h"

#include <stdio.h>

typedef void *(*lua_Alloc)(void *ud, void *block, size_t old_size, size_t new_size);

/* What a VM knows of a generation. hits == 0: not held. The first unit says "held", so hits - 1 were served since. It is
   another generation's as soon as the slot is. */
struct hold {
    _Atomic uint64_t hits;
    uint64_t folded; /* of hits: already added to the generation, 0: the holder neither; with FOLDED_CONFLICT when it is
                        counted as a holder in conflict; under the cache's lock */
    /* The main prototype that this VM runs, by a tier that keeps one for later loads; the VM's thread writes it. One of its
       own belongs to the Lua state. */
    _Atomic(void *) own;
};

#define FOLDED_CONFLICT ((uint64_t)1 << 63)

/* What a VM's row shows. */
struct vm_seen {
    uint64_t loads[OUTCOMES];
    size_t used, peak;
    uint32_t held, conflicts;
    int mode;
};

/* No block of this size is ever given. */
#define ABSURD_SIZE ((size_t)1 << 46)

enum { CAP_RESERVE = 4096, HOLDS_PER_PAGE = 32, OUTPUT_LIMIT = 1 << 20, RESULT_VALUES = 64, RESULT_BYTES = 1 << 16 };

struct text {
    char *bytes; /* owned */
    size_t length;
};

/* What the last run gave; under vm->lock. */
struct result {
    enum status status;
    struct text values[RESULT_VALUES];
    size_t count;
    struct text message, traceback;
    enum reason reason;
    int exit_code;
};

/* The streams of a managed VM that C code may write to. */
enum { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUTS };

enum warnings { WARNINGS_OFF, WARNINGS_ON, WARNINGS_PART };

struct failure {
    struct text name, message;
    struct failure *next;
};

/* Parts of the standard libraries that a managed VM may be without. */
enum without {
    WITHOUT_DEBUG = 1,  /* the debug library */
    WITHOUT_NATIVE = 2, /* package.loadlib, searchers of C libraries; ffi and all else that leads to memory in LuaJIT */
    WITHOUT_BINARY = 4, /* binary chunks: load, loadfile … take text only, whatever mode they are given */
    WITHOUT_SYSTEM = 8, /* all that reaches beyond the VM: io, os but for clocks, clearing the cache for others */
    WITHOUT_ALL = 15,
};

#define NO_SLOT UINT32_MAX

/* Of the hits of a VM one in so many is timed and logged: the clock and the event would be a third of what a hit costs. The
   first hit of each generation in a VM always is, as is every load that is no hit. */
enum { HITS_PER_EVENT = 16 };

struct vm {
    _Atomic int refs; /* the Python object, and the Lua state from attach until its end */
    struct cache *cache; /* retained */
    uint64_t id;
    bool managed;
    unsigned without; /* enum without: what it has not of the standard libraries */
    void *generator;  /* owned; of math.random, see lua/random.inc.h; NULL: not used yet. The VM's thread only */
    bool unshared;  /* spawned with sharing off: its mode stays off */
    bool installed; /* the cached functions are in its globals; the VM's thread only */
    /* The Lua state. `main` is only an address to the outside; NULL before attach. */
    lua_State *main;
    _Atomic bool attached, closed;
    /* Under the cache's lock: */
    struct vm *previous, *next; /* in cache->vms */
    struct row row;
    struct vm_seen seen; /* as cache_fold_vm last saw it */
    /* The cache: */
    _Atomic int mode;
    _Atomic uint64_t active; /* epoch a load under way entered in; 0: none */
    uint64_t born;           /* newest frozen string when the state was made; 0: not known (tier direct) */
    uint32_t served;         /* slot of the generation that the last load gave, of a tier that pins, or NO_SLOT; the VM's thread only */
    bool keeps_names;        /* functions are kept at names, too (lua/kept.inc.h); the VM's thread only */
    int depth;               /* nested loads (a finalizer may load while a load runs); the VM's thread only */
    _Atomic uint64_t loads[OUTCOMES];
    _Atomic uint64_t load_ticks; /* hits that were not timed count as those that were; see vm_record_hit */
    unsigned quiet;    /* hits to come before a load is timed from its beginning; the VM's thread only, as the next */
    unsigned unlogged; /* hits since the last one that was logged, without the first ones */
    _Atomic uint32_t held; /* generations it holds */
    _Atomic uint32_t conflicts; /* of them, those it has otherwise than its tier says; see lua/direct.inc.h */
    /* See lua/retired.inc.h; the VM's thread only. */
    size_t taken;    /* bytes of generations it took hold of since it listed those that are retired */
    size_t retired;  /* bytes of them, as last listed */
    size_t survived; /* bytes of them that it refers to, as last found out */
    uint64_t listed; /* epoch of that list */
    /* Memory: the state's own allocator, wrapped. */
    lua_Alloc allocate;
    void *allocate_data;
    bool stock_allocator; /* `allocate` is that of lauxlib: malloc, realloc and free of the C library */
    _Atomic size_t used, peak;
    _Atomic size_t rounding; /* what the C allocator takes for it beyond `used` */
    _Atomic size_t records;  /* and for its pages */
    struct grafts grafts;
    size_t cap; /* bytes, while a run is under way; 0: none */
    bool collecting; /* all is collected: what that needs is taken from the reserve. The VM's thread only */
    /* Interrupts; see lua/interrupt.inc.h. */
    _Atomic(lua_State *) current; /* the coroutine that runs; NULL: no run under way */
    _Atomic bool hooking;         /* another thread is inside lua_sethook on this VM */
    _Atomic int stop;             /* enum reason; sticky until the outermost call has returned */
    bool loading;                 /* the run loads files: a budget of time is for the finalizers that it runs */
    _Atomic bool overdue;         /* and it is used up */
    pthread_t thread;             /* of the run, while there is one */
    _Atomic bool signalled;       /* a signal to it was not handled yet */
    _Atomic uint64_t stop_again;  /* ticks; until then the hook that ends the run is not set anew */
    _Atomic bool paused;          /* the run waits, from its next instruction on, as long as this is set */
    pthread_cond_t unpaused;
    uint64_t budget;              /* instructions a run may take; 0: no limit */
    int resumed;                  /* coroutines that wait for one another; the VM's thread only */
    lua_State *hooked;            /* with a budget: whose hook of the script runs; the VM's thread only */
    int64_t left;                 /* of the budget, in this run; the VM's thread only */
    int exit_code;
    FILE *streams[OUTPUTS]; /* owned, write to the output; NULL: none. The VM's thread only */
    enum warnings warnings; /* what became of those of `warn`; WARNINGS_PART: inside a line. The VM's thread only */
    bool refusing; /* the next block that is asked for is not given. The VM's thread only */
    bool told; /* why the run was ended is in the result already */
    pthread_mutex_t lock;
    /* Under the lock: */
    struct hold **pages; /* grown by the VM's thread; read by it without the lock */
    size_t page_count;
    char *output;
    size_t output_length, output_room;
    uint64_t output_lost;
    struct result result;
    struct failure *failures, **failures_end;
};

/* One reference, the caller's; retains the cache. NULL: no memory. */
struct vm *vm_new(struct cache *, uint64_t id, bool managed);
void vm_retain(struct vm *);
void vm_release(struct vm *);

/* The state begins: `main` with `used` bytes already held. Takes a reference that vm_detach gives back. */
void vm_attach(struct vm *, lua_State *main, lua_Alloc, void *data, size_t used);

/* The state is gone (or, on LuaJIT, is about to be): holders are given up. Idempotent; from any thread. */
void vm_detach(struct vm *);

/* The allocator to give to the state; `ud` is the vm. Counts, enforces the cap, and sees the state's end. */
void *vm_allocate(void *ud, void *block, size_t old_size, size_t new_size);

/* The VM's thread runs `L` in it from here on: it may be interrupted and paused. */
void vm_begin_interrupts(struct vm *, lua_State *L);

/* And from here on it may not; who is about to has finished. */
void vm_end_interrupts(struct vm *);

/* A paused run goes on. From any thread. */
void vm_resume(struct vm *);

/* The VM's thread, in a hook: waits while the run is paused and not to end. */
void vm_wait_paused(struct vm *);

/* Loads are bracketed by these; generations found in between stay alive until vm_exit. Nestable. */
static inline void vm_enter(struct vm *vm)
{
    if (vm->depth++ == 0)
        atomic_store(&vm->active, atomic_load(&vm->cache->epoch));
}

static inline void vm_exit(struct vm *vm)
{
    if (--vm->depth == 0)
        atomic_store_explicit(&vm->active, 0, memory_order_release);
}

/* NULL or not held: see hits. */
static inline struct hold *vm_find_hold(const struct vm *vm, uint32_t slot)
{
    size_t page = slot / HOLDS_PER_PAGE;
    if (page >= vm->page_count || vm->pages[page] == NULL)
        return NULL;
    return &vm->pages[page][slot % HOLDS_PER_PAGE];
}

/* The first load of a generation in this VM, for vm_hold. */
struct hold *vm_add_hold(struct vm *, struct generation *);

/* Inside the bracket: this VM now holds the generation. NULL: no memory. */
static inline struct hold *vm_hold(struct vm *vm, struct generation *generation)
{
    struct hold *hold = vm_find_hold(vm, generation->slot);
    if (hold == NULL || atomic_load_explicit(&hold->hits, memory_order_relaxed) == 0)
        hold = vm_add_hold(vm, generation);
    return hold;
}

/* The slots of older generations of the same file that this VM holds, `room` at most; returns how many. From the VM's
   thread. */
size_t vm_replaced(struct vm *, uint32_t slot, uint32_t *slots, size_t room);

/* Does the VM run otherwise than the tier says? Under the cache's lock. */
bool hold_in_conflict(const struct generation *, const struct hold *);

/* The VM's thread: nothing in the VM refers to the generation in this slot any more, and no load of it is under way. Its
   hits are added to the generation and the hold ends, so the generation may be freed; a later load takes hold of it
   anew. A slot that is not held is left alone. */
void vm_let_go(struct vm *, uint32_t slot);

/* When a load begins: its `start` for those that follow (ticks), 0 when it is not to be timed if it is a hit. */
static inline uint64_t vm_start_load(const struct vm *vm)
{
    return vm->quiet == 0 ? ticks_now() : 0;
}

/* Counts a hit, for the hold too (NULL: there is none), and times and logs it when it is its turn. Inside the bracket. `first`:
   of the generation in this VM; it has a start then. */
void vm_record_hit(struct vm *, struct hold *, bool first, uint64_t start, const struct generation *);

/* Counts another load that used a generation, and logs it. Inside the bracket. */
void vm_record(struct vm *, enum outcome, uint64_t start, const struct generation *);

/* The same of a load that used none. NULL: it has no key (standard input). `error`: its text, NULL when the file is not at
   fault. */
void vm_record_key(struct vm *, const struct key *, enum outcome, uint64_t start, const char *error);

#endif

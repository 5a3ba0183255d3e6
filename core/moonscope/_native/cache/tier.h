/* How a further VM gets a cached function: the strategy behind the cache. Lookups, counters, generations and events
   know nothing of it beyond this interface. */
#ifndef MOONSCOPE_TIER_H
#define MOONSCOPE_TIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lua_State lua_State;
struct hold;
struct vm;

/* What one generation stores; immutable once made. `data` belongs to the generation and goes through tier->release. */
struct payload {
    void *data;
    size_t size;         /* bytes, counted once for the process */
    uint64_t newest;     /* tier direct: place of the newest word in it; see lua/vocabulary.inc.h */
    void *prototype;     /* tier direct: the frozen main prototype, which VMs run as it is; NULL: each makes its own */
    uint32_t prototypes; /* in it; 0: the tier does not know */
};

struct tier {
    const char *name;
    /* True: closures in holding VMs point into the payload, so it lives until the last holder is gone.
       False: it is only read while a load runs. */
    bool pins;
    /* True: files are compiled in a state of their own, so that the VM has no strings of theirs yet, and keeps nothing of
       the compiler's work. */
    bool donor;
    /* True: its payloads share the frozen words of the Lua. */
    bool words;
    /* Makes the payload of the main function on top of the stack, which stays there. False: no memory, or this tier
       cannot hold that function (another may). Raises no Lua error. */
    bool (*store)(lua_State *, struct payload *);
    /* Pushes a new main function, or an error message; returns Lua's status. Raises no Lua error. `vm`
       is NULL in a state that is no VM, else the payload is that of a generation; `hold` is what the state keeps of the generation, needed by a tier that pins. */
    int (*push)(lua_State *, struct vm *, struct hold *, const struct payload *, const char *chunkname);
    void (*release)(struct payload *);
    /* How a VM gets the function that must not run the one prototype (see the conflict rule in lua/direct.inc.h); NULL: every
       VM is served alike. */
    const struct tier *on_conflict;
};

#endif

/* Memory of a state that lives for one piece of work: blocks are cut from chunks, one after the other, and go all at once.
   The C allocator would be asked for each, and given each back. */
#ifndef MOONSCOPE_ARENA_H
#define MOONSCOPE_ARENA_H

#include "cache/grafts.h"

struct arena {
    struct chunk *chunks; /* owned; the newest first */
    char *at, *end;       /* what is left of the newest */
    struct large *larges; /* owned: blocks that have memory of their own */
    struct grafts grafts;
    size_t used, most;    /* bytes that the state holds, and that it may hold; `most` 0: any */
};

/* A lua_Alloc; `arena` is a struct arena, all zero but for `most` at first. */
void *arena_allocate(void *arena, void *block, size_t old_size, size_t new_size);

void arena_free(struct arena *);

#endif

/* What an allocator must know of grafts (lua/graft.inc.h): Lua's collector frees them like any prototype, with parts that no
   allocator gave. */
#ifndef MOONSCOPE_GRAFTS_H
#define MOONSCOPE_GRAFTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One per allocator, all zero at first; the thread of its state only. */
struct grafts {
    void (*freed)(struct grafts *, void *block, size_t size); /* NULL: there was no graft yet */
    void *heap;       /* of the state; see lua/heap.inc.h */
    unsigned to_come; /* calls for parts of the prototype that is being freed */
};

/* Is this call about a part of a graft? Then grafts->freed answers it. Asked at each call. Of a prototype the code is freed
   first, and no allocator gives a block that begins where frozen code does (see code_place). */
static inline bool is_graft_part(const struct grafts *grafts, const void *block)
{
    return ((uintptr_t)block % 8 | grafts->to_come) != 0;
}

#endif

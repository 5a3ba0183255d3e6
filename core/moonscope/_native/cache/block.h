/* What a block really takes of the process, beyond what was asked for. */
#ifndef MOONSCOPE_BLOCK_H
#define MOONSCOPE_BLOCK_H

#include <stddef.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#endif

/* Bytes that the C allocator takes for a block of `size` bytes; 0 for none. glibc: a header of 8, a multiple of 16, at
   least 32 (malloc.c, "Chunk"); others come near. */
static inline size_t block_bytes(size_t size)
{
    if (size == 0)
        return 0;
#ifdef __APPLE__
    return malloc_good_size(size);
#else
    size = (size + 8 + 15) & ~(size_t)15;
    return size < 32 ? 32 : size;
#endif
}

#endif

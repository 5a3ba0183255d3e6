/* The C allocator of the process, where it tells about itself: glibc. Elsewhere nothing is known and nothing is done. */
#ifndef MOONSCOPE_HEAP_H
#define MOONSCOPE_HEAP_H

#include "cache/moonscope.h"

#include <stdbool.h>

/* Bytes that it holds free, for blocks to come. Some of them may not be resident. Takes its locks and goes through its free
   blocks: milliseconds when there are many. */
size_t heap_free_bytes(void);

/* Gives pages without a block back to the system. As slow, or slower. False: this allocator cannot. */
bool heap_trim(void);

#endif

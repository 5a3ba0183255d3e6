#include "cache/heap.h"

#include <stdlib.h>

#if defined __GLIBC__ && !defined __UCLIBC__
#include <malloc.h>

size_t heap_free_bytes(void)
{
#if __GLIBC_PREREQ(2, 33)
    return mallinfo2().fordblks;
#else
    return (size_t)(unsigned)mallinfo().fordblks; /* modulo 4 GB */
#endif
}

bool heap_trim(void)
{
    malloc_trim(0);
    return true;
}

#else

size_t heap_free_bytes(void)
{
    return 0;
}

bool heap_trim(void)
{
    return false;
}

#endif

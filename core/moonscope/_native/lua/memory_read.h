/* Reading memory of this process that may be gone or be someone else's by now, without a fault. */
#ifndef MOONSCOPE_MEMORY_READ_H
#define MOONSCOPE_MEMORY_READ_H

#include <stdbool.h>
#include <stddef.h>

/* False: it cannot be read, or the system forbids it. */
bool memory_read(const void *from, void *to, size_t size);

#endif

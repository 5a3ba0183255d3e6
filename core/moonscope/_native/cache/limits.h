/* Limits of what a cache stores: bytes of the payloads of current generations, and their number. Over a limit those that
   were hit least recently are retired, the one just stored last of all; VMs that hold one go on running it. Which was hit
   before which is known as far as folds tell: of hits between two folds the order is not. */
#ifndef MOONSCOPE_LIMITS_H
#define MOONSCOPE_LIMITS_H

#include "cache/cache.h"

/* Under the cache's lock: evicts what is too much. */
void limits_keep(struct cache *);

/* Takes the lock. 0: no limit. */
void limits_set(struct cache *, uint64_t max_bytes, uint64_t max_files);

#endif

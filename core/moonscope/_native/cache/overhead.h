/* Memory that is neither shared nor private bytes: what the C allocator takes beyond what was asked of it, and the records
   of the cache. With it the sums add up to what the process grows by. */
#ifndef MOONSCOPE_OVERHEAD_H
#define MOONSCOPE_OVERHEAD_H

#include "cache/cache.h"

/* Under cache->lock. Bytes. */
uint64_t cache_overhead(struct cache *);

#endif

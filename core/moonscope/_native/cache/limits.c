#include "cache/limits.h"

static bool too_much(const struct cache *cache)
{
    return (cache->max_bytes != 0 && cache->shared - cache->retained > cache->max_bytes) ||
           (cache->max_files != 0 && cache->current_count > cache->max_files);
}

void limits_keep(struct cache *cache)
{
    if (!too_much(cache))
        return;
    cache_fold(cache);
    while (too_much(cache) && !list_empty(&cache->least_recent)) {
        generation_retire(cache, LIST_RECORD(cache->least_recent.next, struct generation, turn));
        cache->evicted++;
    }
    cache_reclaim(cache);
}

void limits_set(struct cache *cache, uint64_t max_bytes, uint64_t max_files)
{
    pthread_mutex_lock(&cache->lock);
    cache->max_bytes = max_bytes;
    cache->max_files = max_files;
    limits_keep(cache);
    pthread_mutex_unlock(&cache->lock);
}

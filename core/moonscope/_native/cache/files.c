#include "cache/files.h"

#include <stdlib.h>
#include <string.h>

#include "cache/block.h"

/* Files that have a generation lie side by side, in the order they were first loaded, as programs load them again: a file
   on a page of its own costs a hit as much as all that a hit does. A block is freed with its last file. Visitors come and
   go, and have blocks of their own. */
struct file_block {
    size_t used, size; /* bytes */
    size_t files;      /* in it, and one more while it is the cache's open block */
    _Alignas(CACHE_LINE) char bytes[];
};

/* With its header a little less than a page: a block that one file keeps takes no more. */
enum { FILE_BLOCK = 4096 - 3 * CACHE_LINE };

/* Forgotten files that may wait for events to be read: with a reader, and when nobody reads. */
enum { FORGOTTEN_LIMIT = 65536, FORGOTTEN_LIMIT_UNREAD = 256 };

static void block_release(struct cache *cache, struct file_block *block)
{
    if (--block->files > 0)
        return;
    cache->records -= block_bytes(sizeof *block + block->size);
    free(block);
}

/* NULL: no memory. */
static struct file_block *block_new(struct cache *cache, size_t size)
{
    void *block = NULL;
    if (posix_memalign(&block, CACHE_LINE, sizeof(struct file_block) + size) != 0)
        return NULL;
    memset(block, 0, sizeof(struct file_block) + size);
    ((struct file_block *)block)->size = size;
    cache->records += block_bytes(sizeof(struct file_block) + size);
    return block;
}

/* The block that a new file of `size` bytes goes to. NULL: no memory. */
static struct file_block *block_for(struct cache *cache, size_t size, bool lasting)
{
    if (!lasting || size > FILE_BLOCK)
        return block_new(cache, size);
    struct file_block *open = cache->file_block;
    if (open != NULL && open->size - open->used >= size)
        return open;
    struct file_block *fresh = block_new(cache, FILE_BLOCK);
    if (fresh == NULL)
        return NULL;
    if (open != NULL)
        block_release(cache, open);
    fresh->files = 1;
    cache->file_block = fresh;
    return fresh;
}

struct file *files_add(struct cache *cache, const struct key *key, bool lasting)
{
    struct file *file = index_find(&cache->index, key->hash, key->text, key->length);
    if (file != NULL)
        return file;
    size_t size = (offsetof(struct file, chunkname) + key->length + 2 + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    struct file_block *block = block_for(cache, size, lasting);
    if (block == NULL)
        return NULL;
    file = (struct file *)(void *)(block->bytes + block->used);
    block->used += size;
    block->files++;
    file->block = block;
    file->hash = key->hash;
    file->length = key->length;
    file->chunkname[0] = '@';
    memcpy(file->chunkname + 1, key->text, key->length);
    link_init(&file->row.order);
    link_init(&file->place);
    if (!index_add(&cache->index, file, &cache->epoch)) {
        block_release(cache, block); /* its room in an open block is lost with that */
        return NULL;
    }
    cache->file_count++;
    return file;
}

void file_changed(struct cache *cache, struct file *file)
{
    row_changed(&cache->changes, ROW_FILE, &file->row);
}

static void leave_visitors(struct file *file)
{
    if (file->visitors != NULL) {
        list_remove(&file->place);
        file->visitors->count--;
        file->visitors = NULL;
    }
}

static void join_visitors(struct cache *cache, struct file *file)
{
    leave_visitors(file);
    file->visitors = file->error != NULL ? &cache->failed : &cache->bypassed;
    file->visitors->count++;
    list_append(&file->visitors->files, &file->place);
}

static void forget(struct cache *cache, struct file *file)
{
    leave_visitors(file);
    index_remove(&cache->index, file, &cache->epoch);
    file->forgotten_at = atomic_fetch_add(&cache->epoch, 1) + 1;
    row_gone(&cache->changes, ROW_FILE, &file->row, 0, file_key(file), file->length);
    list_append(&cache->forgotten, &file->place);
    cache->forgotten_count++;
    cache->file_count--;
}

void files_settle(struct cache *cache, struct file *file, bool visits)
{
    if (atomic_load(&file->current) != NULL || file->retired > 0) {
        leave_visitors(file);
        file_changed(cache, file);
    } else if (!visits && file->error == NULL) {
        forget(cache, file);
    } else {
        join_visitors(cache, file);
        file_changed(cache, file);
        if (file->visitors->count > VISITORS)
            forget(cache, LIST_RECORD(file->visitors->files.next, struct file, place));
    }
}

static void file_free(struct cache *cache, struct file *file)
{
    list_remove(&file->place);
    free(file->error);
    block_release(cache, file->block);
}

void files_reclaim(struct cache *cache, uint64_t oldest)
{
    if (cache->draining > 0)
        return;
    size_t limit = cache->drained ? FORGOTTEN_LIMIT : FORGOTTEN_LIMIT_UNREAD;
    bool discarded = false;
    LIST_EACH(&cache->forgotten, link, after)
    {
        struct file *file = LIST_RECORD(link, struct file, place);
        if (file->forgotten_at > oldest)
            break; /* those that follow were forgotten later */
        if (!file->marked)
            file->mark = ring_mark(cache->ring);
        file->marked = true;
        if (!ring_passed(cache->ring, &file->mark)) {
            if (cache->forgotten_count <= limit || discarded)
                break;
            ring_discard(cache->ring);
            discarded = true;
            cache->drained = false;
            if (!ring_passed(cache->ring, &file->mark))
                break; /* an event is being written */
        }
        cache->forgotten_count--;
        file_free(cache, file);
    }
}

void files_destroy(struct cache *cache)
{
    LIST_EACH(&cache->changes.rows[ROW_FILE], link, after)
    {
        struct file *file = LIST_RECORD(link, struct file, row.order);
        list_remove(link);
        file_free(cache, file);
    }
    LIST_EACH(&cache->forgotten, link, after)
        file_free(cache, LIST_RECORD(link, struct file, place));
    if (cache->file_block != NULL)
        block_release(cache, cache->file_block);
}

#include "cache/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "cache/overhead.h"

/* Two texts in one block. NULL: no memory. */
static char *two_texts(const char *one, size_t length, const char *two)
{
    size_t other = strlen(two);
    char *both = malloc(length + other + 2);
    if (both == NULL)
        return NULL;
    memcpy(both, one, length);
    both[length] = '\0';
    memcpy(both + length + 1, two, other + 1);
    return both;
}

static bool fill_file(struct file_row *row, const struct file *file)
{
    const struct generation *current = atomic_load(&file->current);
    row->names = two_texts(file_key(file), file->length, file->error != NULL ? file->error : "");
    row->key_length = file->length;
    row->generation = current != NULL ? current->id : 0;
    for (int i = 0; i < OUTCOMES; i++)
        row->loads[i] = atomic_load_explicit(&file->loads[i], memory_order_relaxed);
    row->last_load = file->last_load;
    row->retired = file->retired;
    return row->names != NULL;
}

static bool fill_generation(struct generation_row *row, const struct generation *g)
{
    row->names = two_texts(file_key(g->file), g->file->length, g->path);
    row->key_length = g->file->length;
    row->id = g->id;
    row->state = g->state;
    row->source_bytes = g->source_bytes;
    row->shared = g->payload.data != NULL ? g->payload.size : 0;
    row->unshared = g->unshared;
    row->private = g->private;
    row->on_conflict = g->on_conflict;
    row->tier = g->tier->name;
    row->conflict_tier = "graft";
    row->hits = g->hits;
    row->holders = g->holders;
    row->conflicts = g->conflicts;
    row->prototypes = g->payload.prototypes;
    row->created = g->created;
    row->compile_ns = g->compile_ns;
    row->inode = g->inode;
    row->mtime_ns = g->mtime_ns;
    return row->names != NULL;
}

static bool fill_vm(struct vm_row *row, const struct vm *vm)
{
    row->id = vm->id;
    memcpy(row->loads, vm->seen.loads, sizeof row->loads);
    row->memory = vm->seen.used;
    row->peak = vm->seen.peak;
    row->mode = vm->seen.mode;
    row->generations = vm->seen.held;
    row->conflicts = vm->seen.conflicts;
    return true;
}

/* How many rows of a kind changed after `since`. */
static size_t count_newer(const struct cache *cache, enum row_kind kind, uint64_t since)
{
    size_t count = 0;
    LIST_EACH_BACK(&cache->changes.rows[kind], link, after)
    {
        if (LIST_RECORD(link, struct row, order)->changed <= since)
            break;
        count++;
    }
    return count;
}

/* Under the lock: the rows of a kind that changed after `since`, the oldest change first, `size` bytes each. */
static void *take_rows(struct cache *cache, enum row_kind kind, uint64_t since, size_t size, size_t *count, bool *done)
{
    size_t wanted = count_newer(cache, kind, since);
    char *rows = calloc(wanted + 1, size);
    if (rows == NULL) {
        *done = false;
        return NULL;
    }
    char *row = rows + wanted * size;
    *count = wanted;
    LIST_EACH_BACK(&cache->changes.rows[kind], link, after)
    {
        if (row == rows)
            break;
        row -= size;
        if (kind == ROW_FILE)
            *done &= fill_file((struct file_row *)(void *)row, LIST_RECORD(link, struct file, row.order));
        else if (kind == ROW_GENERATION)
            *done &= fill_generation((struct generation_row *)(void *)row, LIST_RECORD(link, struct generation, row.order));
        else
            *done &= fill_vm((struct vm_row *)(void *)row, LIST_RECORD(link, struct vm, row.order));
    }
    return rows;
}

static void take_files(struct cache *cache, uint64_t since, struct snapshot *to, bool *done)
{
    to->files = take_rows(cache, ROW_FILE, since, sizeof *to->files, &to->file_count, done);
}

static void take_generations(struct cache *cache, uint64_t since, struct snapshot *to, bool *done)
{
    to->generations = take_rows(cache, ROW_GENERATION, since, sizeof *to->generations, &to->generation_count, done);
}

static void take_vms(struct cache *cache, uint64_t since, struct snapshot *to, bool *done)
{
    to->vms = take_rows(cache, ROW_VM, since, sizeof *to->vms, &to->vm_count, done);
}

static void take_gone(struct cache *cache, struct snapshot *to, bool *done)
{
    to->gone = calloc(cache->changes.gone_count + 1, sizeof *to->gone);
    *done &= to->gone != NULL;
    for (const struct gone *gone = cache->changes.gone; to->gone != NULL && gone != NULL; gone = gone->next) {
        char *key = gone->kind == ROW_FILE ? malloc(gone->length + 1) : NULL;
        if (key != NULL)
            memcpy(key, gone->key, gone->length + 1);
        *done &= key != NULL || gone->kind != ROW_FILE;
        to->gone[to->gone_count++] = (struct gone_row){gone->id, key, gone->length, gone->kind};
    }
}

bool snapshot_changes(struct cache *cache, uint64_t since, struct snapshot *snapshot)
{
    bool done = true;
    memset(snapshot, 0, sizeof *snapshot);
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    cache_fold(cache);
    snapshot->whole = !changes_since(&cache->changes, since);
    since = snapshot->whole ? 0 : since;
    snapshot->revision = cache->changes.revision;
    take_files(cache, since, snapshot, &done);
    take_generations(cache, since, snapshot, &done);
    take_vms(cache, since, snapshot, &done);
    take_gone(cache, snapshot, &done);
    pthread_mutex_unlock(&cache->lock);
    return done;
}

bool snapshot_rows(struct cache *cache, enum row_kind kind, struct snapshot *snapshot)
{
    bool done = true;
    memset(snapshot, 0, sizeof *snapshot);
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    cache_fold(cache);
    if (kind == ROW_FILE)
        take_files(cache, 0, snapshot, &done);
    else if (kind == ROW_GENERATION)
        take_generations(cache, 0, snapshot, &done);
    else
        take_vms(cache, 0, snapshot, &done);
    pthread_mutex_unlock(&cache->lock);
    return done;
}

void snapshot_free(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->file_count; i++)
        free(snapshot->files[i].names);
    for (size_t i = 0; i < snapshot->generation_count; i++)
        free(snapshot->generations[i].names);
    for (size_t i = 0; i < snapshot->gone_count; i++)
        free(snapshot->gone[i].key);
    free(snapshot->files);
    free(snapshot->generations);
    free(snapshot->vms);
    free(snapshot->gone);
}

/* Under the lock. The newest are asked for most. NULL: it is not there. */
static struct generation *find_generation(struct cache *cache, uint64_t id)
{
    LIST_EACH_BACK(&cache->changes.rows[ROW_GENERATION], link, after)
    {
        struct generation *g = LIST_RECORD(link, struct generation, row.order);
        if (g->id == id)
            return g;
    }
    return NULL;
}

bool snapshot_generation(struct cache *cache, uint64_t id, struct snapshot *snapshot)
{
    memset(snapshot, 0, sizeof *snapshot);
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    cache_fold(cache);
    const struct generation *g = find_generation(cache, id);
    bool done = g == NULL || (snapshot->generations = calloc(1, sizeof *snapshot->generations)) != NULL;
    if (done && g != NULL) {
        snapshot->generation_count = 1;
        done = fill_generation(snapshot->generations, g);
    }
    pthread_mutex_unlock(&cache->lock);
    return done;
}

void snapshot_totals(struct cache *cache, struct totals *totals)
{
    const struct lua_ops *ops = lua_ops[cache->lua];
    bool words = cache->tiers[0] != NULL && cache->tiers[0]->words;
    memset(totals, 0, sizeof *totals);
    pthread_mutex_lock(&cache->lock);
    cache_reclaim(cache);
    cache_fold(cache);
    for (int i = 0; i < OUTCOMES; i++)
        totals->loads[i] = cache->folded[i];
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next) {
        for (int i = 0; i < OUTCOMES; i++)
            totals->loads[i] += vm->seen.loads[i];
        totals->private += vm->seen.used;
        if (words && vm->born > 0)
            totals->unshared += ops->word_savings();
    }
    totals->unshared += totals->private + cache->spared;
    totals->shared = cache->shared;
    totals->retained = cache->retained;
    if (words)
        totals->shared += ops->word_bytes();
    totals->overhead = cache_overhead(cache);
    totals->vms = cache->vm_count;
    totals->files = cache->current_count;
    totals->dropped = ring_dropped(cache->ring);
    totals->evicted = cache->evicted;
    totals->lowered = cache->lowered;
    pthread_mutex_unlock(&cache->lock);
}

/* Together in one state, so the more the truer: strings that files have in common are counted once. */
enum { MEASURED_AT_ONCE = 256 };

/* Under the lock: pins up to MEASURED_AT_ONCE generations that wait to be measured. */
static size_t take_unmeasured(struct cache *cache, struct generation **taken)
{
    size_t count = 0;
    LIST_EACH(&cache->unmeasured, link, after)
    {
        if (count == MEASURED_AT_ONCE)
            break;
        struct generation *g = LIST_RECORD(link, struct generation, unmeasured);
        g->pins++;
        taken[count++] = g;
        list_remove(link);
    }
    return count;
}

/* Measures a portion. Returns how many that were; 0: none waits, or there is no memory and it is tried again next time. */
static size_t measure_some(struct cache *cache)
{
    struct generation *taken[MEASURED_AT_ONCE];
    struct measurement items[MEASURED_AT_ONCE];
    pthread_mutex_lock(&cache->lock);
    size_t count = take_unmeasured(cache, taken);
    pthread_mutex_unlock(&cache->lock);
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++) /* pinned: the payload stays, and what was published never changes */
        items[i] = (struct measurement){taken[i]->tier, &taken[i]->payload, taken[i]->file->chunkname, 0, 0, 0};
    bool done = lua_ops[cache->lua]->measure(items, count);
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < count; i++) {
        struct generation *g = taken[i];
        g->pins--;
        if (!done && g->state == GENERATION_CURRENT)
            list_append(&cache->unmeasured, &g->unmeasured);
        if (!done)
            continue;
        g->unshared = items[i].unshared;
        g->private = items[i].private;
        g->on_conflict = items[i].on_conflict;
        generation_changed(cache, g);
    }
    cache_reclaim(cache);
    pthread_mutex_unlock(&cache->lock);
    return done ? count : 0;
}

void snapshot_measure(struct cache *cache)
{
    while (measure_some(cache) > 0) {
    }
}

uint64_t *snapshot_holders(struct cache *cache, uint64_t generation, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&cache->lock);
    uint64_t *ids = malloc((cache->vm_count + 1) * sizeof *ids);
    struct generation *g = find_generation(cache, generation);
    for (struct vm *vm = cache->vms; ids != NULL && g != NULL && vm != NULL; vm = vm->next) {
        pthread_mutex_lock(&vm->lock);
        const struct hold *hold = vm_find_hold(vm, g->slot);
        if (hold != NULL && atomic_load_explicit(&hold->hits, memory_order_relaxed) > 0)
            ids[(*count)++] = vm->id;
        pthread_mutex_unlock(&vm->lock);
    }
    pthread_mutex_unlock(&cache->lock);
    return ids;
}

char *snapshot_payload(struct cache *cache, uint64_t generation, size_t *size, bool *found)
{
    pthread_mutex_lock(&cache->lock);
    struct generation *g = find_generation(cache, generation);
    *found = g != NULL && g->payload.data != NULL;
    if (*found)
        g->pins++;
    pthread_mutex_unlock(&cache->lock);
    if (!*found)
        return NULL;
    char *copy = lua_ops[cache->lua]->dump(g->tier, &g->payload, g->file->chunkname, size);
    pthread_mutex_lock(&cache->lock);
    g->pins--;
    cache_reclaim(cache);
    pthread_mutex_unlock(&cache->lock);
    return copy;
}

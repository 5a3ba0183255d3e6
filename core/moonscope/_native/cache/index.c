#include "cache/index.h"

#include <stdlib.h>
#include <string.h>

/* The hash is here too: a file that is not the one that is looked for is not touched. A slot is used once: it is free, then
   a file's, then a mark. */
struct slot {
    _Atomic(struct file *) file; /* NULL: free; set after the hash */
    uint64_t hash;
};

struct index_table {
    size_t mask;
    uint64_t replaced_at; /* epoch */
    struct index_table *older;
    struct slot slots[];
};

enum { SMALLEST = 256 };

/* Stands where a file was taken out. */
static struct file taken_out;

static size_t table_bytes(size_t size)
{
    return sizeof(struct index_table) + size * sizeof(struct slot);
}

static struct index_table *table_new(size_t size)
{
    struct index_table *table = malloc(table_bytes(size));
    if (table == NULL)
        return NULL;
    table->mask = size - 1;
    table->older = NULL;
    for (size_t i = 0; i < size; i++)
        atomic_init(&table->slots[i].file, NULL);
    return table;
}

bool index_init(struct index *index)
{
    index->count = index->marks = 0;
    index->old = NULL;
    index->bytes = table_bytes(SMALLEST);
    struct index_table *table = table_new(SMALLEST);
    atomic_init(&index->table, table);
    return table != NULL;
}

static void table_free(struct index *index, struct index_table *table)
{
    index->bytes -= table_bytes(table->mask + 1);
    free(table);
}

void index_reclaim(struct index *index, uint64_t oldest)
{
    struct index_table **link = &index->old;
    while (*link != NULL) {
        struct index_table *table = *link;
        if (table->replaced_at > oldest) {
            link = &table->older;
            continue;
        }
        *link = table->older;
        table_free(index, table);
    }
}

void index_destroy(struct index *index)
{
    index_reclaim(index, UINT64_MAX);
    free(atomic_load(&index->table));
}

static uint64_t word_at(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

/* Two lanes, which a processor works on at once: this is on the path of every hit. The last eight bytes of each may have
   been read before. The lanes begin differently: of text that both read alike nothing would be left. */
uint64_t index_hash(const char *key, size_t length)
{
    uint64_t one = 0x9E3779B97F4A7C15u ^ (uint64_t)length, two = 0xC2B2AE3D27D4EB4Fu;
    const char *end = key + length;
    if (length >= 16) {
        for (; end - key > 16; key += 16) {
            one = mix(one, word_at(key));
            two = mix(two, word_at(key + 8));
        }
        one = mix(one, word_at(end - 16));
        two = mix(two, word_at(end - 8));
    } else if (length >= 8) {
        one = mix(mix(one, word_at(key)), word_at(end - 8));
    } else {
        for (; key < end; key++)
            one = mix(one, (unsigned char)*key);
    }
    return mix(one, two);
}

/* The loads are ordered with the reader's announcement of its epoch: what it does not announce in time it does not find. */
struct file *index_find(const struct index *index, uint64_t hash, const char *key, size_t length)
{
    const struct index_table *table = atomic_load(&index->table);
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        const struct slot *slot = &table->slots[at];
        struct file *file = atomic_load(&slot->file);
        if (file == NULL)
            return NULL;
        if (slot->hash == hash && file != &taken_out && file->length == length && memcmp(file_key(file), key, length) == 0)
            return file;
    }
}

static void place(struct index_table *table, struct file *file)
{
    size_t at = file->hash & table->mask;
    while (atomic_load_explicit(&table->slots[at].file, memory_order_relaxed) != NULL)
        at = (at + 1) & table->mask;
    table->slots[at].hash = file->hash;
    atomic_store_explicit(&table->slots[at].file, file, memory_order_release);
}

/* All files move to a table with room for twice as many. False: no memory. */
static bool replace_table(struct index *index, _Atomic uint64_t *epoch)
{
    size_t size = SMALLEST;
    while (size < (index->count + 1) * 4)
        size *= 2;
    struct index_table *table = atomic_load_explicit(&index->table, memory_order_relaxed), *fresh = table_new(size);
    if (fresh == NULL)
        return false;
    for (size_t i = 0; i <= table->mask; i++) {
        struct file *file = atomic_load_explicit(&table->slots[i].file, memory_order_relaxed);
        if (file != NULL && file != &taken_out)
            place(fresh, file);
    }
    index->bytes += table_bytes(size);
    index->marks = 0;
    atomic_store(&index->table, fresh);
    table->replaced_at = atomic_fetch_add(epoch, 1) + 1;
    table->older = index->old;
    index->old = table;
    return true;
}

bool index_add(struct index *index, struct file *file, _Atomic uint64_t *epoch)
{
    const struct index_table *table = atomic_load_explicit(&index->table, memory_order_relaxed);
    if ((index->count + index->marks + 1) * 2 > table->mask && !replace_table(index, epoch))
        return false;
    place(atomic_load_explicit(&index->table, memory_order_relaxed), file);
    index->count++;
    return true;
}

void index_remove(struct index *index, struct file *file, _Atomic uint64_t *epoch)
{
    struct index_table *table = atomic_load_explicit(&index->table, memory_order_relaxed);
    size_t at = file->hash & table->mask;
    while (atomic_load_explicit(&table->slots[at].file, memory_order_relaxed) != file)
        at = (at + 1) & table->mask;
    atomic_store(&table->slots[at].file, &taken_out);
    index->count--;
    index->marks++;
    if (table->mask + 1 > SMALLEST && index->count * 16 < table->mask)
        replace_table(index, epoch); /* without memory for the smaller one the large one stays */
}

#include "index.h"

#include <stdlib.h>
#include <string.h>

/* The hash is here too: a file that is not the one that is looked for is not touched. */
struct slot {
    _Atomic(struct file *) file; /* NULL: free; set once, after the hash */
    uint64_t hash;
};

struct index_table {
    size_t mask;
    struct index_table *older; /* owned: a reader may still be in it */
    struct slot slots[];
};

static struct index_table *table_new(size_t size)
{
    struct index_table *table = malloc(sizeof *table + size * sizeof table->slots[0]);
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
    index->count = 0;
    struct index_table *table = table_new(256);
    atomic_init(&index->table, table);
    return table != NULL;
}

void index_destroy(struct index *index)
{
    struct index_table *table = atomic_load(&index->table);
    while (table != NULL) {
        struct index_table *older = table->older;
        free(table);
        table = older;
    }
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

struct file *index_find(const struct index *index, uint64_t hash, const char *key, size_t length)
{
    const struct index_table *table = atomic_load_explicit(&index->table, memory_order_acquire);
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        const struct slot *slot = &table->slots[at];
        struct file *file = atomic_load_explicit(&slot->file, memory_order_acquire);
        if (file == NULL)
            return NULL;
        if (slot->hash == hash && file->length == length && memcmp(file->chunkname + 1, key, length) == 0)
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

bool index_add(struct index *index, struct file *file)
{
    struct index_table *table = atomic_load_explicit(&index->table, memory_order_relaxed);
    if ((index->count + 1) * 2 > table->mask) {
        struct index_table *larger = table_new((table->mask + 1) * 2);
        if (larger == NULL)
            return false;
        for (size_t i = 0; i <= table->mask; i++) {
            struct file *old = atomic_load_explicit(&table->slots[i].file, memory_order_relaxed);
            if (old != NULL)
                place(larger, old);
        }
        larger->older = table;
        atomic_store_explicit(&index->table, larger, memory_order_release);
        table = larger;
    }
    place(table, file);
    index->count++;
    return true;
}

#include "index.h"

#include <stdlib.h>
#include <string.h>

struct index_table {
    size_t mask;
    struct index_table *older; /* owned: a reader may still be in it */
    _Atomic(struct file *) slots[];
};

static struct index_table *table_new(size_t size)
{
    struct index_table *table = malloc(sizeof *table + size * sizeof table->slots[0]);
    if (table == NULL)
        return NULL;
    table->mask = size - 1;
    table->older = NULL;
    for (size_t i = 0; i < size; i++)
        atomic_init(&table->slots[i], NULL);
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

/* Eight bytes at a time, multiply and fold: file names are short, and this is on the path of every hit. */
uint64_t index_hash(const char *key, size_t length)
{
    uint64_t hash = 0x9E3779B97F4A7C15u ^ (uint64_t)length;
    while (length > 0) {
        uint64_t word = 0;
        size_t part = length < 8 ? length : 8;
        memcpy(&word, key, part);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
        key += part;
        length -= part;
    }
    return hash;
}

struct file *index_find(const struct index *index, uint64_t hash, const char *key, size_t length)
{
    const struct index_table *table = atomic_load_explicit(&index->table, memory_order_acquire);
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        struct file *file = atomic_load_explicit(&table->slots[at], memory_order_acquire);
        if (file == NULL || (file->hash == hash && file->length == length && memcmp(file->key, key, length) == 0))
            return file;
    }
}

static void place(struct index_table *table, struct file *file)
{
    size_t at = file->hash & table->mask;
    while (atomic_load_explicit(&table->slots[at], memory_order_relaxed) != NULL)
        at = (at + 1) & table->mask;
    atomic_store_explicit(&table->slots[at], file, memory_order_release);
}

bool index_add(struct index *index, struct file *file)
{
    struct index_table *table = atomic_load_explicit(&index->table, memory_order_relaxed);
    if ((index->count + 1) * 2 > table->mask) {
        struct index_table *larger = table_new((table->mask + 1) * 2);
        if (larger == NULL)
            return false;
        for (size_t i = 0; i <= table->mask; i++) {
            struct file *old = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
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

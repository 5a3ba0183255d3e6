/* Where words are found by their text: a hash table that is read without a lock, and before it a filter, which tells of most
   strings that they are no words. */
#pragma once

#include "cache/block.h"

#include "lua/layout.inc.h"

/* The runtime's, see moonscope_hook.h. */
struct word_filter {
    unsigned shift;
    _Atomic unsigned char bits[];
};

struct word_table {
    size_t mask;
    unsigned shift;           /* of the mixed hash: Lua's own, cut short, puts words into heaps */
    struct word_table *older; /* in a list of tables that a state may still be in */
    struct word_filter *filter; /* these two in the same block */
    uint32_t *hashes;           /* of the words: most that differ are told apart without a look at them */
    _Atomic(struct string_layout *) slots[];
};

enum { LEAST_SLOTS_LOG2 = 10, FILTER_BITS_PER_SLOT_LOG2 = 3 };

static uint32_t mixed(uint32_t hash)
{
    return hash * 0x9E3779B1u;
}

static size_t slot_of_hash(const struct word_table *table, uint32_t hash)
{
    return mixed(hash) >> table->shift;
}

static struct string_layout *find_word(const struct word_table *table, const char *text, size_t length, uint32_t hash)
{
    for (size_t at = slot_of_hash(table, hash);; at = (at + 1) & table->mask) {
        struct string_layout *word = atomic_load_explicit(&table->slots[at], memory_order_acquire);
        if (word == NULL ||
            (table->hashes[at] == hash && word->length == length && memcmp(word->text, text, length) == 0))
            return word;
    }
}

static void place_word(struct word_table *table, struct string_layout *word)
{
    struct word_filter *filter = table->filter;
    uint32_t bit = mixed(word->hash) >> filter->shift;
    size_t at = slot_of_hash(table, word->hash);
    while (atomic_load_explicit(&table->slots[at], memory_order_relaxed) != NULL)
        at = (at + 1) & table->mask;
    table->hashes[at] = word->hash;
    atomic_store_explicit(&table->slots[at], word, memory_order_release);
    atomic_fetch_or_explicit(&filter->bits[bit / 8], 1u << bit % 8, memory_order_release);
}

static size_t filter_size(size_t slots)
{
    return sizeof(struct word_filter) + (slots << FILTER_BITS_PER_SLOT_LOG2) / 8;
}

static size_t table_size(size_t slots)
{
    const struct word_table *table = NULL;
    return sizeof *table + slots * (sizeof table->slots[0] + sizeof table->hashes[0]) + filter_size(slots);
}

/* With room for that many. NULL: no memory. */
static struct word_table *table_for(size_t words)
{
    unsigned log2 = LEAST_SLOTS_LOG2;
    while (words * 2 > (size_t)1 << log2) /* fuller, and words lie far from where they are looked for first */
        log2++;
    size_t size = (size_t)1 << log2;
    struct word_table *table = calloc(1, table_size(size));
    if (table == NULL)
        return NULL;
    table->mask = size - 1;
    table->shift = 32 - log2;
    table->hashes = (uint32_t *)(void *)&table->slots[size];
    table->filter = (struct word_filter *)(void *)&table->hashes[size];
    table->filter->shift = table->shift - FILTER_BITS_PER_SLOT_LOG2;
    return table;
}

static size_t table_bytes(const struct word_table *table)
{
    return block_bytes(table_size(table->mask + 1));
}

/* When words are dropped that no generation uses.

   On stock Lua: at once. On the own runtime a state may have such a word in its tables and on its stack, so it goes when no
   state is alive, or when a round (moonscope_hook.h) has shown that none has it: the round asks for the words that are
   unused at its begin; each state that was alive then is looked at once, and keeps those it refers to; and who finds one by
   its text keeps it too. What was neither seen nor found until all have been looked at is dead: nobody finds it from then
   on. It is freed at the end of the next round, when no lookup that began before is under way. So are tables that were
   replaced.

   A state is looked at when its collector works. For one that runs nothing, its owner has to ask (lua_ops.answer), as an
   engine does; until then what there is stays, and what comes is found out later. */
#pragma once

#include "lua/layout.inc.h"
#include "lua/word_table.inc.h"
#include "lua/vocabulary.inc.h"

enum { ROUND_WORDS = 4096 }; /* so many must be unused, and a quarter of all, or to look at all states costs too much */

static void free_word(uint32_t number)
{
    struct string_layout *word = word_of(number);
    count_word(word, -1);
    free((void *)((uintptr_t)word + UNLISTED));
    give_number(number);
}

static void free_remains(struct word_remains *remains)
{
    free_tables(remains->tables);
    for (uint32_t number = remains->dead; number != 0;) {
        uint32_t next = (uint32_t)word_page(number)->sequence[number % WORDS_PER_PAGE];
        free_word(number);
        number = next;
    }
    *remains = (struct word_remains){NULL, 0};
}

/* All that is used, or was found, moves to a new table; what is not is dead. `asked`: only what the round asked for. Without
   memory for the table all stays. */
static void bury_words(bool asked)
{
    struct word_table *table = atomic_load(&vocabulary.table);
    struct word_table *smaller = table_for(asked ? vocabulary.count : (size_t)(vocabulary.count - vocabulary.unused) * 2);
    if (smaller == NULL)
        return;
    for (size_t i = 0; i <= table->mask; i++) {
        struct string_layout *word = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
        uint32_t number = word != NULL ? word_number(word) : 0;
        uint8_t state = WORD_ASKED;
        if (word == NULL)
            continue;
        if (*word_uses(number) > 0 ||
            (asked && !atomic_compare_exchange_strong(word_state(number), &state, WORD_DEAD))) {
            place_word(smaller, word);
            continue;
        }
        word_page(number)->sequence[number % WORDS_PER_PAGE] = vocabulary.remains.dead;
        vocabulary.remains.dead = number;
        vocabulary.count--;
        vocabulary.unused--;
    }
    publish_table(smaller);
}

/* No state is alive. */
static void drop_all_unused(void)
{
    atomic_store(&vocabulary.asking, false);
    if (vocabulary.unused > 0)
        bury_words(false);
    free_remains(&vocabulary.remains);
    free_remains(&vocabulary.leaving);
    vocabulary.round = false;
}

static void ask_for_unused(void)
{
    const struct word_table *table = atomic_load(&vocabulary.table);
    for (size_t i = 0; i <= table->mask; i++) {
        const struct string_layout *word = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
        if (word != NULL && *word_uses(word_number(word)) == 0)
            atomic_store(word_state(word_number(word)), WORD_ASKED);
    }
    atomic_store_explicit(&vocabulary.asking, true, memory_order_release);
}

static bool worth_a_round(void)
{
    return vocabulary.unused >= ROUND_WORDS && vocabulary.unused >= vocabulary.count / 4;
}

static void begin_round(void)
{
    bool asks = worth_a_round();
    if (!asks && vocabulary.remains.tables == NULL && vocabulary.remains.dead == 0)
        return;
    vocabulary.leaving = vocabulary.remains;
    vocabulary.remains = (struct word_remains){NULL, 0};
    if (asks)
        ask_for_unused();
    vocabulary.round = true;
    vocabulary.runtime->begin_round();
}

/* Dead words that are left from before were not findable when it began. */
static void end_round(void)
{
    free_remains(&vocabulary.leaving);
    if (atomic_load(&vocabulary.asking))
        bury_words(true);
    atomic_store_explicit(&vocabulary.asking, false, memory_order_release);
    vocabulary.round = false;
}

/* Drops what may be dropped now, and begins to find out what may be later. */
static void vocabulary_sweep(void)
{
    const struct word_runtime *runtime = vocabulary.runtime;
    pthread_mutex_lock(&vocabulary.lock);
    bool left = vocabulary.unused > 0 || vocabulary.round || vocabulary.remains.tables != NULL;
    if (left && runtime == NULL) {
        drop_all_unused();
    } else if (left && !runtime->without_states(drop_all_unused)) {
        if (vocabulary.round && runtime->round_is_over())
            end_round();
        if (!vocabulary.round)
            begin_round();
    }
    pthread_mutex_unlock(&vocabulary.lock);
}

/* Is a round under way that is not over? */
static bool vocabulary_waits(void)
{
    pthread_mutex_lock(&vocabulary.lock);
    bool waits = vocabulary.round && !vocabulary.runtime->round_is_over();
    pthread_mutex_unlock(&vocabulary.lock);
    return waits;
}

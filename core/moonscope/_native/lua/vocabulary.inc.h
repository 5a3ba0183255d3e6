/* The vocabulary of one Lua: short strings, frozen once for all generations that have them as constants or as names in
   debug information. A generation counts its uses of each word; a word that none uses is dropped (lua/word_rounds.inc.h).

   On Moonscope's own runtime (tier direct) states find the words, too: the runtime asks frozen_short_string() after a
   state's own table missed, and before it creates a string; so a word is one object for all states that did not have it
   before. It is read without a lock there, and any state, attached or not, may have any word.

   Each word has a number, by which its entry is found and which is given again when the word is gone, and on the own
   runtime a place in the sequence of all words ever, which is not: a state that knows the newest when it was born has no
   copy of its own of any older one that is still there; for newer ones it must be asked (direct_fits). */
#pragma once

#include "cache/block.h"
#include "cache/index.h"

#include "lua/api.inc.h"
#include "lua/layout.inc.h"
#include "lua/word_table.inc.h"

enum { WORDS_PER_PAGE = 1024, WORD_PAGES = 1 << 18 }; /* a slot of a packed prototype has no room for a larger number */

/* What a round has found out of a word. */
enum { WORD_KEPT, WORD_ASKED, WORD_DEAD };

struct word_page {
    struct string_layout *words[WORDS_PER_PAGE]; /* of one that is free: the next free one in the page, from 1; 0: none */
    uint64_t sequence[WORDS_PER_PAGE]; /* its place; of a dead one: the number of another dead one */
    uint32_t uses[WORDS_PER_PAGE];     /* not in the words: these are read by all, and written by none */
    _Atomic uint8_t states[WORDS_PER_PAGE];
    uint32_t free, fresh, count; /* the first free one, from 1; never given yet: those from here; words */
};

/* What nobody finds any more, but a state may have in its hands. */
struct word_remains {
    struct word_table *tables;
    uint32_t dead; /* the number of the first word; 0: none */
};

/* Of the own runtime; NULL on stock Lua, where no state ever finds a word. */
struct word_runtime {
    int (*without_states)(void (*work)(void)); /* runs the work while no state is alive; false: one is */
    void (*begin_round)(void);
    int (*round_is_over)(void);
    void (*answer)(lua_State *); /* of the state: it is looked at, if the round has not looked at it yet */
    _Atomic(struct word_filter *) *filter; /* NULL: states do not ask yet */
};

static struct {
    const struct word_runtime *runtime;
    _Atomic(void *) unasked; /* a state that is given no words: measured is what it holds without them */
    _Atomic bool asking;     /* a round is under way that asks for words, so a lookup must tell what it finds */
    _Atomic(struct word_table *) table;
    pthread_mutex_t lock;
    _Atomic uint64_t newest; /* in the sequence; 0: there never was a word */
    _Atomic uint64_t bytes;  /* of all words */
    _Atomic uint64_t overhead; /* what the C allocator takes beyond them, for tables and pages too */
    uint64_t base;   /* bytes of the base words, which are there before any file (lua/base_words.inc.h) */
    uint64_t spared; /* bytes that a fresh VM holds less thanks to the words; immutable once states find them */
    /* Under the lock: */
    struct word_page *pages[WORD_PAGES]; /* by number; a word's entry may be read without the lock by who uses the word */
    uint32_t roomy_page;                 /* pages before it are full */
    uint32_t count, unused;
    bool round;                           /* one is under way */
    struct word_remains remains, leaving; /* since it began; from before, to be freed at its end */
} vocabulary = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Kept where a string that is in a state's table has its chain. Numbers begin with 1. */
static uint32_t word_number(const struct string_layout *word)
{
    return (uint32_t)word->long_length;
}

static struct word_page *word_page(uint32_t number)
{
    return vocabulary.pages[number / WORDS_PER_PAGE];
}

static struct string_layout *word_of(uint32_t number)
{
    return word_page(number)->words[number % WORDS_PER_PAGE];
}

static uint32_t *word_uses(uint32_t number)
{
    return &word_page(number)->uses[number % WORDS_PER_PAGE];
}

static _Atomic uint8_t *word_state(uint32_t number)
{
    return &word_page(number)->states[number % WORDS_PER_PAGE];
}

static uint64_t word_sequence(const struct string_layout *word)
{
    uint32_t number = word_number(word);
    return word_page(number)->sequence[number % WORDS_PER_PAGE];
}

/* A state has the word. False: it must not, any more. */
static bool keep_found(const struct string_layout *word)
{
    uint8_t asked = WORD_ASKED;
    return atomic_compare_exchange_strong(word_state(word_number(word)), &asked, WORD_KEPT) || asked == WORD_KEPT;
}

/* What the runtime calls. Whether a round asks is read first: one that begins later does not end before this state has been
   looked at, and by then it has the word or dropped it. */
static void *frozen_short_string(void *state, const char *text, size_t length, unsigned hash)
{
    if (state == atomic_load_explicit(&vocabulary.unasked, memory_order_relaxed))
        return NULL;
    bool asking = atomic_load_explicit(&vocabulary.asking, memory_order_acquire);
    const struct word_table *table = atomic_load_explicit(&vocabulary.table, memory_order_acquire);
    struct string_layout *word = find_word(table, text, length, hash);
    return word != NULL && asking && !keep_found(word) ? NULL : word;
}

/* States of stock Lua have seeds of their own, so there the hash is ours. */
static uint32_t word_hash(const struct string_layout *from)
{
    if (vocabulary.runtime != NULL)
        return from->hash;
    uint64_t hash = index_hash(from->text, from->length);
    return (uint32_t)hash;
}

static void free_tables(struct word_table *table)
{
    while (table != NULL) {
        struct word_table *older = table->older;
        atomic_fetch_sub(&vocabulary.overhead, table_bytes(table));
        free(table);
        table = older;
    }
}

/* Under the lock, as all that follows: what is found from now on is in `table`, and the one before may go when no state is
   in it. */
static void publish_table(struct word_table *table)
{
    struct word_table *older = atomic_load(&vocabulary.table);
    atomic_fetch_add(&vocabulary.overhead, table_bytes(table));
    atomic_store_explicit(&vocabulary.table, table, memory_order_release);
    if (vocabulary.runtime == NULL) { /* nobody reads it without the lock */
        free_tables(older);
        return;
    }
    if (vocabulary.runtime->filter != NULL)
        atomic_store_explicit(vocabulary.runtime->filter, table->filter, memory_order_release);
    if (older != NULL) {
        older->older = vocabulary.remains.tables;
        vocabulary.remains.tables = older;
    }
}

/* A table with room for one more; NULL: no memory. */
static struct word_table *roomy_table(void)
{
    struct word_table *table = atomic_load(&vocabulary.table);
    if (table != NULL && ((size_t)vocabulary.count + 1) * 2 <= table->mask + 1)
        return table;
    struct word_table *larger = table_for((size_t)vocabulary.count * 2 + 1);
    if (larger == NULL)
        return NULL;
    for (size_t i = 0; table != NULL && i <= table->mask; i++)
        if (atomic_load(&table->slots[i]) != NULL)
            place_word(larger, atomic_load(&table->slots[i]));
    publish_table(larger);
    return larger;
}

/* 0: no memory, or as many words as there are numbers. */
static uint32_t take_number(void)
{
    struct word_page **page = &vocabulary.pages[vocabulary.roomy_page];
    while (vocabulary.roomy_page < WORD_PAGES && *page != NULL && (*page)->free == 0 && (*page)->fresh == WORDS_PER_PAGE)
        page = &vocabulary.pages[++vocabulary.roomy_page];
    if (vocabulary.roomy_page == WORD_PAGES)
        return 0;
    if (*page == NULL) {
        *page = calloc(1, sizeof **page);
        if (*page == NULL)
            return 0;
        atomic_fetch_add(&vocabulary.overhead, block_bytes(sizeof **page));
        (*page)->fresh = vocabulary.roomy_page == 0; /* there is no number 0 */
    }
    uint32_t at = (*page)->fresh;
    if ((*page)->free != 0) {
        at = (*page)->free - 1;
        (*page)->free = (uint32_t)(uintptr_t)(*page)->words[at];
    } else {
        (*page)->fresh++;
    }
    (*page)->count++;
    return vocabulary.roomy_page * WORDS_PER_PAGE + at;
}

static void give_number(uint32_t number)
{
    uint32_t at = number / WORDS_PER_PAGE;
    struct word_page *page = vocabulary.pages[at];
    page->words[number % WORDS_PER_PAGE] = (struct string_layout *)(uintptr_t)page->free;
    page->free = number % WORDS_PER_PAGE + 1;
    if (at < vocabulary.roomy_page)
        vocabulary.roomy_page = at;
    if (--page->count > 0)
        return;
    atomic_fetch_sub(&vocabulary.overhead, block_bytes(sizeof *page));
    free(page);
    vocabulary.pages[at] = NULL;
}

/* The first eight bytes of an object, `next`, are for the lists of collectors. A word is on none, and does without: the
   block begins there, at the address that Lua has and eight. */
enum { UNLISTED = offsetof(struct string_layout, kind) };

static size_t word_size(const struct string_layout *word)
{
    return offsetof(struct string_layout, text) + word->length + 1u - UNLISTED;
}

static struct string_layout *freeze_word(const struct string_layout *from, uint32_t hash, uint32_t number)
{
    char *block = malloc(word_size(from));
    if (block == NULL)
        return NULL;
    memcpy(block, (const char *)from + UNLISTED, word_size(from));
    struct string_layout *word = (struct string_layout *)((uintptr_t)block - UNLISTED);
    word->mark = MARK_FROZEN;
    word->hash = hash;
    word->long_length = number;
    return word;
}

static void count_word(const struct string_layout *word, int sign)
{
    size_t size = word_size(word);
    atomic_fetch_add(&vocabulary.bytes, (uint64_t)(sign * (int64_t)size));
    atomic_fetch_add(&vocabulary.overhead, (uint64_t)(sign * (int64_t)(block_bytes(size) - size)));
}

/* NULL: no memory. */
static struct string_layout *add_word(struct word_table *table, const struct string_layout *from, uint32_t hash)
{
    uint32_t number = take_number();
    if (number == 0)
        return NULL;
    struct string_layout *word = freeze_word(from, hash, number);
    if (word == NULL) {
        give_number(number);
        return NULL;
    }
    struct word_page *page = word_page(number);
    uint64_t place = atomic_load(&vocabulary.newest) + 1;
    page->words[number % WORDS_PER_PAGE] = word;
    page->sequence[number % WORDS_PER_PAGE] = place;
    page->uses[number % WORDS_PER_PAGE] = 0;
    atomic_store(&page->states[number % WORDS_PER_PAGE], WORD_KEPT);
    vocabulary.count++;
    vocabulary.unused++;
    count_word(word, 1);
    /* Found before it counts as the newest: a state born between the two believes itself older than it is; that is safe. */
    place_word(table, word);
    atomic_store(&vocabulary.newest, place);
    return word;
}

/* Tells the processor that a word of this hash will be looked for. */
static void fetch_place(uint32_t hash)
{
    const struct word_table *table = atomic_load_explicit(&vocabulary.table, memory_order_relaxed);
    if (table == NULL)
        return;
    __builtin_prefetch(&table->slots[slot_of_hash(table, hash)]);
    __builtin_prefetch(&table->hashes[slot_of_hash(table, hash)]);
}

/* The word that equals `from`, a short string of any state (of the own runtime: one with its seed), with one use more, the
   caller's. `hash`: its word_hash. NULL: no memory. */
static struct string_layout *vocabulary_use(const struct string_layout *from, uint32_t hash)
{
    struct word_table *table = roomy_table();
    struct string_layout *word = table != NULL ? find_word(table, from->text, from->length, hash) : NULL;
    if (table != NULL && word == NULL)
        word = add_word(table, from, hash);
    if (word == NULL)
        return NULL;
    atomic_store(word_state(word_number(word)), WORD_KEPT); /* a dead one is not found here */
    if ((*word_uses(word_number(word)))++ == 0)
        vocabulary.unused--;
    return word;
}

/* More uses of a word that the caller uses already. */
static void word_use_more(const struct string_layout *word, uint32_t uses)
{
    *word_uses(word_number(word)) += uses;
}

/* Gives a use back. */
static void word_unuse(uint32_t number)
{
    if (--*word_uses(number) == 0)
        vocabulary.unused++;
}

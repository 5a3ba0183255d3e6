/* The vocabulary of one Lua: short strings, frozen once for all generations that have them as constants or as names in
   debug information. A generation counts its uses of each word; a word that none uses is dropped.

   On Moonscope's own runtime (tier direct) states find the words, too: the runtime asks frozen_short_string() after a
   state's own table missed, and before it creates a string; so a word is one object for all states that did not have it
   before. It is read without a lock there, and any state, attached or not, may have any word for as long as it lives. So
   nothing is dropped then but at a moment when no state of the runtime is alive; the runtime tells, and lets none begin
   meanwhile. Words that nobody uses stay findable until then, and may be used again.

   Words are numbered. On the own runtime numbers only grow: a state that knows the number of the newest word when it was
   born has no copy of its own of any older one; for newer ones it must be asked (direct_fits). */

enum { WORDS_PER_PAGE = 1024, WORD_PAGES = 16384 };

struct word_page {
    struct string_layout *words[WORDS_PER_PAGE];
    uint32_t uses[WORDS_PER_PAGE]; /* not in the words: these are read by all, and written by none */
    uint32_t count;                /* of words */
};

struct word_table {
    size_t mask;
    struct word_table *older; /* a state may still be in it */
    uint32_t *hashes;         /* of the words, in the same block: most that differ are told apart without a look at them */
    _Atomic(struct string_layout *) slots[];
};

/* Runs the work while no state is alive; false: one is. */
typedef int (*without_states_function)(void (*work)(void));

static struct {
    without_states_function without_states; /* of the own runtime; NULL: no state ever finds a word */
    _Atomic(void *) unasked;                /* a state that is given no words: measured is what it holds without them */
    pthread_mutex_t lock;
    _Atomic(struct word_table *) table;
    _Atomic uint64_t newest; /* number of the newest word; 0: none */
    _Atomic uint64_t bytes;  /* of all words */
    _Atomic uint64_t overhead; /* what the C allocator takes beyond them, for tables and pages too */
    /* Under the lock: */
    struct word_page *pages[WORD_PAGES]; /* by number; a word's entry may be read without the lock by who uses the word */
    uint32_t count, unused;
    uint32_t free_number; /* of a dropped word, where the number of the next one is kept; stock Lua only; 0: none */
} vocabulary = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct string_layout *word_of(uint32_t number)
{
    return vocabulary.pages[number / WORDS_PER_PAGE]->words[number % WORDS_PER_PAGE];
}

static uint32_t *word_uses(uint32_t number)
{
    return &vocabulary.pages[number / WORDS_PER_PAGE]->uses[number % WORDS_PER_PAGE];
}

/* Kept where a string that is in a state's table has its chain. */
static uint32_t word_number(const struct string_layout *word)
{
    return (uint32_t)word->long_length;
}

static struct string_layout *find_word(const struct word_table *table, const char *text, size_t length, uint32_t hash)
{
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        struct string_layout *word = atomic_load_explicit(&table->slots[at], memory_order_acquire);
        if (word == NULL ||
            (table->hashes[at] == hash && word->length == length && memcmp(word->text, text, length) == 0))
            return word;
    }
}

/* What the runtime calls. */
static void *frozen_short_string(void *state, const char *text, size_t length, unsigned hash)
{
    if (state == atomic_load_explicit(&vocabulary.unasked, memory_order_relaxed))
        return NULL;
    return find_word(atomic_load_explicit(&vocabulary.table, memory_order_acquire), text, length, hash);
}

/* States of stock Lua have seeds of their own, so there the hash is ours. */
static uint32_t word_hash(const struct string_layout *from)
{
    if (vocabulary.without_states != NULL)
        return from->hash;
    uint64_t hash = index_hash(from->text, from->length);
    return (uint32_t)hash;
}

static void place_word(struct word_table *table, struct string_layout *word)
{
    size_t at = word->hash & table->mask;
    while (atomic_load_explicit(&table->slots[at], memory_order_relaxed) != NULL)
        at = (at + 1) & table->mask;
    table->hashes[at] = word->hash;
    atomic_store_explicit(&table->slots[at], word, memory_order_release);
}

static size_t table_size(size_t slots)
{
    const struct word_table *table = NULL;
    return sizeof *table + slots * (sizeof table->slots[0] + sizeof table->hashes[0]);
}

static struct word_table *table_for(size_t words)
{
    size_t size = 1024;
    while (words * 2 > size) /* fuller, and words lie far from where they are looked for first */
        size *= 2;
    struct word_table *table = malloc(table_size(size));
    if (table == NULL)
        return NULL;
    atomic_fetch_add(&vocabulary.overhead, block_bytes(table_size(size)));
    table->hashes = (uint32_t *)(void *)&table->slots[size];
    table->mask = size - 1;
    table->older = NULL;
    for (size_t i = 0; i < size; i++)
        atomic_init(&table->slots[i], NULL);
    return table;
}

static void free_tables(struct word_table *table)
{
    while (table != NULL) {
        struct word_table *older = table->older;
        atomic_fetch_sub(&vocabulary.overhead, block_bytes(table_size(table->mask + 1)));
        free(table);
        table = older;
    }
}

/* Under the lock: a table with room for one more; NULL: no memory. */
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
    larger->older = table;
    atomic_store_explicit(&vocabulary.table, larger, memory_order_release);
    if (vocabulary.without_states == NULL) { /* nobody reads it without the lock */
        larger->older = NULL;
        free_tables(table);
    }
    return larger;
}

/* Under the lock: a number, with a page for it. 0: no memory, or there are none left. */
static uint32_t fresh_number(void)
{
    if (vocabulary.free_number != 0)
        return vocabulary.free_number;
    uint64_t number = atomic_load(&vocabulary.newest) + 1;
    if (number >= (uint64_t)WORDS_PER_PAGE * WORD_PAGES)
        return 0;
    struct word_page **page = &vocabulary.pages[number / WORDS_PER_PAGE];
    if (*page == NULL && (*page = calloc(1, sizeof **page)) != NULL)
        atomic_fetch_add(&vocabulary.overhead, block_bytes(sizeof **page));
    return *page != NULL ? (uint32_t)number : 0;
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

/* Under the lock. NULL: no memory. */
static struct string_layout *add_word(struct word_table *table, const struct string_layout *from, uint32_t hash)
{
    uint32_t number = fresh_number();
    struct string_layout *word = number != 0 ? freeze_word(from, hash, number) : NULL;
    if (word == NULL)
        return NULL;
    if (number == vocabulary.free_number)
        vocabulary.free_number = (uint32_t)(uintptr_t)word_of(number);
    struct word_page *page = vocabulary.pages[number / WORDS_PER_PAGE];
    page->words[number % WORDS_PER_PAGE] = word;
    page->count++;
    vocabulary.count++;
    vocabulary.unused++;
    count_word(word, 1);
    /* Found before it counts as the newest: a state born between the two believes itself older than it is; that is safe. */
    place_word(table, word);
    if (number > atomic_load(&vocabulary.newest))
        atomic_store(&vocabulary.newest, number);
    return word;
}

/* Under the lock, as all that follows: tells the processor that a word of this hash will be looked for. */
static void fetch_place(uint32_t hash)
{
    const struct word_table *table = atomic_load_explicit(&vocabulary.table, memory_order_relaxed);
    if (table == NULL)
        return;
    __builtin_prefetch(&table->slots[hash & table->mask]);
    __builtin_prefetch(&table->hashes[hash & table->mask]);
}

/* The word that equals `from`, a short string of any state (of the own runtime: one with its seed), with one use more, the
   caller's. `hash`: its word_hash. NULL: no memory. */
static struct string_layout *vocabulary_use(const struct string_layout *from, uint32_t hash)
{
    struct word_table *table = roomy_table();
    struct string_layout *word = table != NULL ? find_word(table, from->text, from->length, hash) : NULL;
    if (table != NULL && word == NULL)
        word = add_word(table, from, hash);
    if (word != NULL && (*word_uses(word_number(word)))++ == 0)
        vocabulary.unused--;
    return word;
}

/* More uses of a word that the caller uses already. */
static void word_use_more(const struct string_layout *word, uint32_t uses)
{
    *word_uses(word_number(word)) += uses;
}

/* Gives a use back. The word stays until vocabulary_sweep. */
static void word_unuse(uint32_t number)
{
    if (--*word_uses(number) == 0)
        vocabulary.unused++;
}

static void free_page(size_t at)
{
    if (vocabulary.pages[at] != NULL)
        atomic_fetch_sub(&vocabulary.overhead, block_bytes(sizeof *vocabulary.pages[at]));
    free(vocabulary.pages[at]);
    vocabulary.pages[at] = NULL;
}

static void drop_word(struct string_layout *word)
{
    uint32_t number = word_number(word), at = number / WORDS_PER_PAGE;
    struct word_page *page = vocabulary.pages[at];
    uintptr_t next = 0;
    if (vocabulary.without_states == NULL) {
        next = vocabulary.free_number;
        vocabulary.free_number = number;
    }
    page->words[number % WORDS_PER_PAGE] = (struct string_layout *)next;
    page->count--;
    count_word(word, -1);
    free((void *)((uintptr_t)word + UNLISTED));
    if (page->count == 0 && vocabulary.without_states != NULL && at != atomic_load(&vocabulary.newest) / WORDS_PER_PAGE)
        free_page(at); /* its numbers will not come back */
}

/* On stock Lua, when there are no words. */
static void drop_pages(void)
{
    for (size_t i = 0; i <= atomic_load(&vocabulary.newest) / WORDS_PER_PAGE; i++)
        free_page(i);
    vocabulary.free_number = 0;
    atomic_store(&vocabulary.newest, 0);
}

/* Nobody else is in the table: all that is used moves to a new one. Without memory for it, all stays. */
static void drop_unused(void)
{
    struct word_table *table = atomic_load(&vocabulary.table);
    struct word_table *smaller = table_for((size_t)(vocabulary.count - vocabulary.unused) * 2);
    if (smaller == NULL)
        return;
    for (size_t i = 0; i <= table->mask; i++) {
        struct string_layout *word = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
        if (word != NULL && *word_uses(word_number(word)) > 0)
            place_word(smaller, word);
        else if (word != NULL)
            drop_word(word);
    }
    vocabulary.count -= vocabulary.unused;
    vocabulary.unused = 0;
    atomic_store(&vocabulary.table, smaller);
    free_tables(table);
    if (vocabulary.count == 0 && vocabulary.without_states == NULL)
        drop_pages();
}

/* Drops the words that nobody uses, if now is a moment when that may be. */
static void vocabulary_sweep(void)
{
    pthread_mutex_lock(&vocabulary.lock);
    if (vocabulary.unused > 0 && vocabulary.without_states != NULL)
        vocabulary.without_states(drop_unused);
    else if (vocabulary.unused > 0)
        drop_unused();
    pthread_mutex_unlock(&vocabulary.lock);
}

/* The vocabulary of one Lua (tier direct): frozen short strings that every state of the runtime interns instead of
   making its own. Moonscope's runtime asks frozen_short_string() after a state's own table missed, and before it
   creates a string; so a string of the vocabulary is one object for all states that did not have it before.

   Strings are numbered. A state that knows the number of the newest string when it was born has no copy of its own of
   any older one; for newer ones it must be asked (direct_fits).

   Process-wide, read without a lock, grown under one, and never freed: any state of the runtime, attached or not, may
   hold these strings. It is bounded by the distinct short strings of all cached code; vocabulary_bytes tells, and the
   totals of the cache count it as shared. */

struct vocabulary_table {
    size_t mask;
    struct vocabulary_table *older; /* a reader may still be in it */
    _Atomic(struct string_layout *) slots[];
};

static _Atomic(struct vocabulary_table *) vocabulary;
static pthread_mutex_t vocabulary_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t vocabulary_count;             /* under the lock */
static _Atomic uint64_t vocabulary_newest;  /* number of the newest string; 0: none */
static _Atomic uint64_t vocabulary_bytes;

/* Kept where a string that is in a state's table has its chain. */
static uint64_t vocabulary_number(const struct string_layout *string)
{
    return string->long_length;
}

static struct string_layout *find_word(const struct vocabulary_table *table, const char *text, size_t length,
                                       uint32_t hash)
{
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        struct string_layout *string = atomic_load_explicit(&table->slots[at], memory_order_acquire);
        if (string == NULL ||
            (string->hash == hash && string->length == length && memcmp(string->text, text, length) == 0))
            return string;
    }
}

/* What the runtime calls. */
static void *frozen_short_string(void *state, const char *text, size_t length, unsigned hash)
{
    (void)state;
    return find_word(atomic_load_explicit(&vocabulary, memory_order_acquire), text, length, hash);
}

static void place_word(struct vocabulary_table *table, struct string_layout *string)
{
    size_t at = string->hash & table->mask;
    while (atomic_load_explicit(&table->slots[at], memory_order_relaxed) != NULL)
        at = (at + 1) & table->mask;
    atomic_store_explicit(&table->slots[at], string, memory_order_release);
}

/* Under the lock: a table with room for one more; NULL: no memory. */
static struct vocabulary_table *roomy_table(void)
{
    struct vocabulary_table *table = atomic_load(&vocabulary);
    if (table != NULL && (vocabulary_count + 1) * 2 <= table->mask)
        return table;
    size_t size = table != NULL ? (table->mask + 1) * 2 : 4096;
    struct vocabulary_table *larger = malloc(sizeof *larger + size * sizeof larger->slots[0]);
    if (larger == NULL)
        return NULL;
    larger->mask = size - 1;
    larger->older = table;
    for (size_t i = 0; i < size; i++) {
        atomic_init(&larger->slots[i], NULL);
    }
    for (size_t i = 0; table != NULL && i <= table->mask; i++)
        if (atomic_load(&table->slots[i]) != NULL)
            place_word(larger, atomic_load(&table->slots[i]));
    atomic_store_explicit(&vocabulary, larger, memory_order_release);
    return larger;
}

static struct string_layout *freeze_word(const struct string_layout *from)
{
    size_t size = offsetof(struct string_layout, text) + from->length + 1u;
    struct string_layout *string = malloc(size);
    if (string == NULL)
        return NULL;
    memcpy(string, from, size);
    string->next = NULL;
    string->mark = MARK_FROZEN;
    string->long_length = atomic_load(&vocabulary_newest) + 1; /* its number */
    atomic_fetch_add(&vocabulary_bytes, size);
    return string;
}

/* The string of the vocabulary that equals `from`, a short string of any state of this runtime. NULL: no memory. */
static struct string_layout *vocabulary_add(const struct string_layout *from)
{
    pthread_mutex_lock(&vocabulary_lock);
    struct vocabulary_table *table = roomy_table();
    struct string_layout *string = table != NULL ? find_word(table, from->text, from->length, from->hash) : NULL;
    if (table != NULL && string == NULL && (string = freeze_word(from)) != NULL) {
        /* The number first: a state that is born between the two believes itself older than it is, which is safe. */
        place_word(table, string);
        vocabulary_count++;
        atomic_store(&vocabulary_newest, string->long_length);
    }
    pthread_mutex_unlock(&vocabulary_lock);
    return string;
}

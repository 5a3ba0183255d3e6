/* An allocator for tests of the C part, with two vices.

   It fails when told to: hostile_fail(n, forever) makes the n-th allocation from now fail, and with `forever` all after it.
   hostile_calls() counts allocations since then; hostile_live() counts blocks that were not freed, but for the vocabulary:
   when that is freed is up to all states of the process.

   With HOSTILE_GUARD in the environment it guards what has to be immutable. Frozen prototypes get pages of their own, which
   are read-only once freeze() is done, followed by a page that no one may touch, and are out of bounds for ever when freed;
   frozen words are read-only too, and spoilt when freed: they have another text, and a collector that finds one believes
   that it has to mark it. So a write to shared memory, or a use after the end, ends the process with SIGSEGV (or, of a word
   that only runs, gives a wrong answer) whoever does it: Lua itself, which no sanitizer watches, included.
   hostile_guarded() counts frozen prototypes, hostile_spoilt() words.

   Which is which is told by the name of the function that allocates. */
#define HOSTILE_ITSELF
#include "hostile.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

static _Atomic long countdown, calls, live, guarded, spoilt;
static _Atomic bool for_ever;

EXPORT void hostile_fail(long number, bool forever)
{
    for_ever = forever;
    calls = 0;
    countdown = number;
}

EXPORT long hostile_calls(void)
{
    return calls;
}

EXPORT long hostile_live(void)
{
    return live;
}

EXPORT long hostile_guarded(void)
{
    return guarded;
}

EXPORT long hostile_spoilt(void)
{
    return spoilt;
}

static bool fails(void)
{
    atomic_fetch_add(&calls, 1);
    if (atomic_load(&countdown) == 0)
        return false;
    if (atomic_load(&countdown) == 1)
        return atomic_load(&for_ever) || atomic_exchange(&countdown, 0) == 1;
    atomic_fetch_sub(&countdown, 1);
    return false;
}

static bool of_vocabulary(const char *function)
{
    static const char *const functions[] = {"freeze_word", "table_for", "take_number", "give_number", "free_word", "free_tables"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(function, functions[i]) == 0)
            return true;
    return false;
}

static void *counted(void *block, const char *function)
{
    if (block != NULL && !of_vocabulary(function))
        atomic_fetch_add(&live, 1);
    return block;
}

/* Guarded memory: two regions of address space, used once from front to back. */

enum { PAGE = 4096 };
static const size_t REGION = (size_t)1 << 36;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool guarding;
static char *blocks, *words; /* the regions */
static size_t blocks_used, words_used;
static uint32_t *block_pages; /* by page of `blocks`: pages of the block that begins there */

static _Thread_local char *open_blocks[2]; /* of the freeze() under way in this thread */
static _Thread_local bool writing;         /* a word, with `lock` held */

static void protect(void *at, size_t size, int protection)
{
    if (mprotect(at, size, protection) == 0)
        return;
    perror("hostile: mprotect");
    abort();
}

static void *reserve(size_t size, int protection)
{
    void *region = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        perror("hostile: mmap");
        abort();
    }
    return region;
}

__attribute__((constructor)) static void start(void)
{
    guarding = getenv("HOSTILE_GUARD") != NULL;
    if (!guarding)
        return;
    blocks = reserve(REGION, PROT_NONE);
    words = reserve(REGION, PROT_NONE);
    block_pages = reserve(REGION / PAGE * sizeof *block_pages, PROT_READ | PROT_WRITE);
}

static bool in_region(const void *at, const char *region)
{
    return guarding && (const char *)at >= region && (const char *)at < region + REGION;
}

static size_t pages(size_t size)
{
    return (size + PAGE - 1) / PAGE;
}

/* Ends right before a page that is never given. */
static void *guarded_block(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    pthread_mutex_lock(&lock);
    char *at = blocks + blocks_used;
    blocks_used += (pages(size) + 1) * PAGE;
    block_pages[(at - blocks) / PAGE] = (uint32_t)pages(size);
    pthread_mutex_unlock(&lock);
    protect(at, pages(size) * PAGE, PROT_READ | PROT_WRITE);
    open_blocks[open_blocks[0] != NULL] = at;
    return at + pages(size) * PAGE - size;
}

static char *begin_of(void *block)
{
    char *at = blocks + ((char *)block - blocks) / PAGE * PAGE;
    while (block_pages[(at - blocks) / PAGE] == 0)
        at -= PAGE;
    return at;
}

static void end_block(void *block)
{
    char *at = begin_of(block);
    size_t size = block_pages[(at - blocks) / PAGE] * (size_t)PAGE;
    protect(at, size, PROT_NONE);
    madvise(at, size, MADV_DONTNEED);
    for (int i = 0; i < 2; i++)
        if (open_blocks[i] == at)
            open_blocks[i] = NULL;
}

static void seal_blocks(void)
{
    for (int i = 0; i < 2; i++)
        if (open_blocks[i] != NULL) {
            protect(open_blocks[i], block_pages[(open_blocks[i] - blocks) / PAGE] * (size_t)PAGE, PROT_READ);
            atomic_fetch_add(&guarded, 1);
            open_blocks[i] = NULL;
        }
}

/* The pages of the words can be written to until seal_words. */
static void *guarded_word(size_t size)
{
    if (!writing) /* several are made before the seal */
        pthread_mutex_lock(&lock);
    writing = true;
    char *at = words + words_used;
    size_t first = words_used / PAGE;
    words_used += (size + 15) & ~(size_t)15;
    protect(words + first * PAGE, (pages(words_used) - first) * PAGE, PROT_READ | PROT_WRITE);
    return at;
}

static void seal_words(void)
{
    if (!writing)
        return;
    protect(words, pages(words_used) * PAGE, PROT_READ);
    writing = false;
    pthread_mutex_unlock(&lock);
}

/* What lua_vocabulary.h freezes: a short string from its kind on. */
struct word {
    unsigned char kind, mark, extra, length;
    unsigned hash;
    uint64_t number;
    unsigned char text[];
};

enum { WHITE = 1 << 3 | 1 << 4, SPOILT = 0xDD };

/* Never given again, so it stays spoilt. */
static void spoil_word(struct word *word)
{
    bool locked = writing;
    size_t size = offsetof(struct word, text) + word->length;
    char *first = words + ((char *)word - words) / PAGE * PAGE;
    size_t length = pages((size_t)((char *)word + size - first)) * PAGE;
    if (!locked)
        pthread_mutex_lock(&lock);
    protect(first, length, PROT_READ | PROT_WRITE);
    word->mark |= WHITE;
    memset(word->text, SPOILT, word->length);
    if (!locked) {
        protect(first, length, PROT_READ);
        pthread_mutex_unlock(&lock);
    }
    atomic_fetch_add(&spoilt, 1);
}

/* What the C part calls. */

void *hostile_malloc(size_t size, const char *function)
{
    if (fails())
        return NULL;
    if (guarding && strcmp(function, "freeze") == 0)
        return counted(guarded_block(size), function);
    if (guarding && strcmp(function, "freeze_word") == 0)
        return guarded_word(size);
    return counted(malloc(size), function);
}

void *hostile_calloc(size_t count, size_t size, const char *function)
{
    return fails() ? NULL : counted(calloc(count, size), function);
}

void *hostile_realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    return block == NULL ? counted(realloc(NULL, size), "") : realloc(block, size);
}

char *hostile_strdup(const char *text)
{
    return fails() ? NULL : counted(strdup(text), "");
}

char *hostile_strndup(const char *text, size_t size)
{
    return fails() ? NULL : counted(strndup(text, size), "");
}

int hostile_posix_memalign(void **block, size_t alignment, size_t size)
{
    int error = fails() ? 12 /* ENOMEM */ : posix_memalign(block, alignment, size);
    if (error == 0)
        counted(*block, "");
    return error;
}

void hostile_free(void *block, const char *function)
{
    if (block != NULL && !of_vocabulary(function))
        atomic_fetch_sub(&live, 1);
    if (in_region(block, blocks))
        end_block(block);
    else if (in_region(block, words))
        spoil_word(block);
    else
        free(block);
    if (guarding && strcmp(function, "freeze") == 0) /* its last deed */
        seal_blocks();
}

int hostile_unlock(pthread_mutex_t *mutex, const char *function)
{
    if (guarding && (strcmp(function, "use_words") == 0 || strcmp(function, "keep_word") == 0))
        seal_words();
    return pthread_mutex_unlock(mutex);
}

#include "cache/ring.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { STRIPES = RING_STRIPES, CACHE_LINE = 64 };

/* `turn` says whose turn a cell is: equal to the position it waits to be written at, or one more once it is written. */
struct cell {
    _Alignas(CACHE_LINE) _Atomic size_t turn;
    struct event event;
};

struct stripe {
    _Alignas(CACHE_LINE) _Atomic size_t head; /* next position to write */
    _Alignas(CACHE_LINE) size_t tail;         /* next position to read; the reader's alone */
    struct cell *cells;
    _Atomic uint64_t dropped;
};

struct ring {
    size_t mask;
    struct stripe stripes[STRIPES];
};

/* Process-wide: only spreads threads over stripes; any value is correct. */
static _Atomic unsigned next_stripe;
static _Thread_local unsigned own_stripe;

_Static_assert(sizeof(struct cell) == CACHE_LINE, "an event is one line");

struct ring *ring_new(size_t capacity)
{
    size_t size = 64;
    while (size * STRIPES < capacity)
        size *= 2;
    struct ring *ring = NULL;
    if (posix_memalign((void **)&ring, CACHE_LINE, sizeof *ring) != 0)
        return NULL;
    ring->mask = size - 1;
    for (int i = 0; i < STRIPES; i++) {
        struct stripe *stripe = &ring->stripes[i];
        atomic_init(&stripe->head, 0);
        atomic_init(&stripe->dropped, 0);
        stripe->tail = 0;
        void *cells = NULL;
        stripe->cells = posix_memalign(&cells, CACHE_LINE, size * sizeof *stripe->cells) == 0 ? cells : NULL;
        for (size_t k = 0; stripe->cells != NULL && k < size; k++)
            atomic_init(&stripe->cells[k].turn, k);
    }
    for (int i = 0; i < STRIPES; i++)
        if (ring->stripes[i].cells == NULL) {
            ring_free(ring);
            return NULL;
        }
    return ring;
}

void ring_free(struct ring *ring)
{
    if (ring == NULL)
        return;
    ring_discard(ring);
    for (int i = 0; i < STRIPES; i++)
        free(ring->stripes[i].cells);
    free(ring);
}

static void free_key(const struct event *event)
{
    if (event->owned)
        free((char *)(uintptr_t)event->key);
}

void ring_put(struct ring *ring, const struct event *event)
{
    if (own_stripe == 0)
        own_stripe = 1 + atomic_fetch_add_explicit(&next_stripe, 1, memory_order_relaxed) % STRIPES;
    struct stripe *stripe = &ring->stripes[own_stripe - 1];
    size_t position = atomic_load_explicit(&stripe->head, memory_order_relaxed);
    for (;;) {
        struct cell *cell = &stripe->cells[position & ring->mask];
        size_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == position) {
            if (atomic_compare_exchange_weak_explicit(&stripe->head, &position, position + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                cell->event = *event;
                atomic_store_explicit(&cell->turn, position + 1, memory_order_release);
                __builtin_prefetch(&stripe->cells[(position + 1) & ring->mask], 1);
                return;
            }
        } else if ((ptrdiff_t)(turn - position) < 0) { /* still unread from the last round: full */
            atomic_fetch_add_explicit(&stripe->dropped, 1, memory_order_relaxed);
            free_key(event);
            return;
        } else {
            position = atomic_load_explicit(&stripe->head, memory_order_relaxed);
        }
    }
}

/* NULL: the stripe is empty, or its next event is being written. */
static struct cell *readable(struct ring *ring, struct stripe *stripe)
{
    if (stripe->cells == NULL)
        return NULL;
    struct cell *cell = &stripe->cells[stripe->tail & ring->mask];
    return atomic_load_explicit(&cell->turn, memory_order_acquire) == stripe->tail + 1 ? cell : NULL;
}

/* Makes room where an event was. */
static void take(struct ring *ring, struct stripe *stripe, struct cell *cell)
{
    atomic_store_explicit(&cell->turn, stripe->tail + ring->mask + 1, memory_order_release);
    stripe->tail++;
}

size_t ring_drain(struct ring *ring, struct event *out, size_t limit)
{
    size_t count = 0;
    while (count < limit) {
        struct stripe *oldest = NULL;
        struct cell *best = NULL;
        for (int i = 0; i < STRIPES; i++) {
            struct cell *cell = readable(ring, &ring->stripes[i]);
            if (cell != NULL && (best == NULL || (int64_t)(cell->event.end - best->event.end) < 0)) {
                best = cell;
                oldest = &ring->stripes[i];
            }
        }
        if (best == NULL)
            break;
        out[count++] = best->event;
        take(ring, oldest, best);
    }
    return count;
}

void ring_discard(struct ring *ring)
{
    for (int i = 0; i < STRIPES; i++) {
        struct stripe *stripe = &ring->stripes[i];
        for (struct cell *cell = readable(ring, stripe); cell != NULL; cell = readable(ring, stripe)) {
            free_key(&cell->event);
            take(ring, stripe, cell);
            atomic_fetch_add_explicit(&stripe->dropped, 1, memory_order_relaxed);
        }
    }
}

struct ring_mark ring_mark(const struct ring *ring)
{
    struct ring_mark mark;
    for (int i = 0; i < STRIPES; i++)
        mark.heads[i] = atomic_load(&ring->stripes[i].head);
    return mark;
}

bool ring_passed(const struct ring *ring, const struct ring_mark *mark)
{
    for (int i = 0; i < STRIPES; i++)
        if ((ptrdiff_t)(ring->stripes[i].tail - mark->heads[i]) < 0)
            return false;
    return true;
}

uint64_t ring_dropped(struct ring *ring)
{
    uint64_t sum = 0;
    for (int i = 0; i < STRIPES; i++)
        sum += atomic_load_explicit(&ring->stripes[i].dropped, memory_order_relaxed);
    return sum;
}

size_t ring_bytes(const struct ring *ring)
{
    return sizeof *ring + STRIPES * (ring->mask + 1) * sizeof(struct cell);
}

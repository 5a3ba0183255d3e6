/* Load events: many VMs write, one reader drains. Bounded; what does not fit is counted and lost, never waited for.

   A ring has a few stripes, each a bounded queue of its own, and a thread keeps to one stripe: two workers do not
   fight over one cache line. Order between stripes is restored by time when they are drained. */
#ifndef MOONSCOPE_RING_H
#define MOONSCOPE_RING_H

#include "cache/moonscope.h"

#include <stdbool.h>

enum { RING_STRIPES = 4 };

struct event {
    uint64_t end, duration; /* ticks (clock.h): when the load had ended, how long it took */
    uint64_t vm;            /* id */
    uint64_t generation;    /* id, 0: none */
    const char *key;        /* NULL: a load without a key (standard input) */
    uint64_t bytes;         /* of the cached payload, 0: none used */
    uint8_t outcome;        /* enum outcome */
    bool owned;             /* the key is the event's: whoever takes the event frees it. Else it lies in a file, which is
                               freed only when no event points to it (ring_mark) */
};

/* The ends of all stripes at one moment. */
struct ring_mark {
    size_t heads[RING_STRIPES];
};

struct ring;

/* A ring for about `capacity` events. NULL: no memory. The caller frees it with ring_free when no writer is left. */
struct ring *ring_new(size_t capacity);
void ring_free(struct ring *);

/* From any thread; never blocks. Takes over an owned key. */
void ring_put(struct ring *, const struct event *);

/* Moves up to `limit` events into `out`, oldest first; returns how many. One reader at a time: the caller's lock. */
size_t ring_drain(struct ring *, struct event *out, size_t limit);

/* Drops all events that can be read, and counts them as dropped. One reader at a time. */
void ring_discard(struct ring *);

struct ring_mark ring_mark(const struct ring *);

/* Has every event that was written, or was being written, at the mark been taken or dropped? One reader at a time. */
bool ring_passed(const struct ring *, const struct ring_mark *);

uint64_t ring_dropped(struct ring *);

/* What it takes. */
size_t ring_bytes(const struct ring *);

#endif

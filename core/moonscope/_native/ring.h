/* Load events: many VMs write, one reader drains. Bounded; what does not fit is counted and lost, never waited for.

   A ring has a few stripes, each a bounded queue of its own, and a thread keeps to one stripe: two workers do not
   fight over one cache line. Order between stripes is restored by time when they are drained. */
#ifndef MOONSCOPE_RING_H
#define MOONSCOPE_RING_H

#include "moonscope.h"

struct file;

struct event {
    uint64_t end, duration; /* ticks (clock.h): when the load had ended, how long it took */
    uint64_t vm;            /* id */
    uint64_t generation;    /* id, 0: none */
    struct file *file;      /* borrowed; files live as long as their cache. NULL: a load without a key (standard input) */
    uint64_t bytes;         /* of the cached payload, 0: none used */
    enum outcome outcome;
};

struct ring;

/* A ring for about `capacity` events. NULL: no memory. The caller frees it with ring_free when no writer is left. */
struct ring *ring_new(size_t capacity);
void ring_free(struct ring *);

/* From any thread; never blocks. */
void ring_put(struct ring *, const struct event *);

/* Moves up to `limit` events into `out`, oldest first; returns how many. One reader at a time: the caller's lock. */
size_t ring_drain(struct ring *, struct event *out, size_t limit);

uint64_t ring_dropped(struct ring *);

#endif

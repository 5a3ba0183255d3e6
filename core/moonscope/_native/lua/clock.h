/* Time for what is too short to ask the system for: a cached load takes a tenth of a microsecond, and to read the system's
   clock twice would be a third of it. Ticks are the processor's own counter where it is known to run evenly and alike on
   all cores (x86-64: the counter is invariant and the kernel keeps its own time by it; aarch64: always), and nanoseconds
   of the monotonic clock elsewhere. They are turned into seconds when somebody looks, never during a load. */
#ifndef MOONSCOPE_CLOCK_H
#define MOONSCOPE_CLOCK_H

#include "cache/moonscope.h"

#include <stdbool.h>

#if defined __x86_64__
#include <x86intrin.h>
#endif

/* Process-wide; set by clock_start, constant from then on. */
extern bool clock_counts;

/* Called when the library is loaded, before any load. */
void clock_start(void);

static inline uint64_t ticks_now(void)
{
#if defined __x86_64__
    if (clock_counts)
        return __rdtsc();
#elif defined __aarch64__
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#endif
    return monotonic_ns();
}

/* How long a tick takes. Measured since clock_start, and fixed once that is long ago enough to be exact to 1 in 100,000:
   sums that only grow are never shown to shrink. */
double tick_ns(void);

/* Nanoseconds since `start` (ticks). */
static inline uint64_t elapsed_ns(uint64_t start)
{
    uint64_t now = ticks_now();
    return now > start ? (uint64_t)((double)(now - start) * tick_ns()) : 0;
}

#endif

/* The words that C, Python, the protocol and the window share. The numbers are those of _moonscope.pyi. */
#ifndef MOONSCOPE_H
#define MOONSCOPE_H

/* This header comes first everywhere: clocks, posix_memalign and strndup are POSIX, not C11. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum mode { MODE_ON, MODE_EXIST, MODE_OFF };

enum outcome { OUTCOME_HIT, OUTCOME_MISS, OUTCOME_BYPASS, OUTCOME_RACE, OUTCOME_ERROR, OUTCOMES };

enum reason { REASON_NONE, REASON_PERSON, REASON_INSTRUCTIONS, REASON_TIME, REASON_EXIT };

enum status { STATUS_OK, STATUS_ERROR, STATUS_INTERRUPTED };

enum run { RUN_CHUNK, RUN_EXPRESSION, RUN_FILE }; /* EXPRESSION: or a chunk; FILE: through the cache */

/* The libraries of lupa, and the two of Moonscope's own runtime: each has its own copy of the code in lua_*.h, so a
   process may use both. */
enum lua_index { LUA51, LUA52, LUA53, LUA54, LUA55, LUAJIT20, LUAJIT21, OWN54, OWN55, LUAS };

/* Nanoseconds of the monotonic clock. */
static inline uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Seconds since the epoch. */
static inline double epoch_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif

/* Runs of pairs of numbers, one after the other, those that occur already left out: equal tables of a file's prototypes
   need to be stored once. */
#pragma once

#include <stdint.h>
#include <string.h>

struct pair {
    uint64_t value, kind;
};

struct sequence {
    struct pair *items; /* room for all runs that will be asked for, one after the other */
    uint32_t count;
    uint32_t *previous; /* by item: an earlier one with the same hash; items count from 1 here */
    uint32_t *last;     /* by hash */
    uint32_t mask;
};

enum { SETTLE_TRIES = 16 };

/* Where the next run is to be written. */
static struct pair *sequence_end(const struct sequence *sequence)
{
    return sequence->items + sequence->count;
}

static uint32_t *last_like(const struct sequence *sequence, const struct pair *pair)
{
    uint64_t hash = (pair->value ^ pair->kind << 56) * 0x9E3779B97F4A7C15u;
    return &sequence->last[hash >> 32 & sequence->mask];
}

/* The number of the first item of the run of `length` that stands at the end: taken in, unless it occurs before. */
static uint32_t settle(struct sequence *sequence, uint32_t length)
{
    const struct pair *run = sequence_end(sequence);
    if (length == 0)
        return 0;
    uint32_t at = *last_like(sequence, run);
    for (int tries = 0; at != 0 && tries < SETTLE_TRIES; tries++, at = sequence->previous[at - 1])
        if (at - 1 + length <= sequence->count && memcmp(&sequence->items[at - 1], run, length * sizeof *run) == 0)
            return at - 1;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t *last = last_like(sequence, &run[i]);
        sequence->previous[sequence->count + i] = *last;
        *last = sequence->count + i + 1;
    }
    sequence->count += length;
    return sequence->count - length;
}

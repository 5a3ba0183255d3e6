#include "cache/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 64 * 1024, /* bytes; below what the C allocator asks the kernel for each time */
    LARGE = CHUNK / 4, /* a block of that size is not cut from a chunk, or what is left of one would be lost */
    UNIT = 16,         /* as malloc aligns */
};

struct chunk {
    _Alignas(UNIT) struct chunk *older;
};

struct large {
    _Alignas(UNIT) struct large *previous;
    struct large *next;
};

static size_t rounded(size_t size)
{
    return (size + UNIT - 1) & ~(size_t)(UNIT - 1);
}

static void *cut(struct arena *arena, size_t size)
{
    size = rounded(size);
    if (size > (size_t)(arena->end - arena->at)) {
        struct chunk *chunk = malloc(CHUNK);
        if (chunk == NULL)
            return NULL;
        chunk->older = arena->chunks;
        arena->chunks = chunk;
        arena->at = (char *)(chunk + 1);
        arena->end = (char *)chunk + CHUNK;
    }
    void *block = arena->at;
    arena->at += size;
    return block;
}

/* Was it the last that was cut? */
static bool is_last(const struct arena *arena, const char *block, size_t size)
{
    return block + rounded(size) == arena->at;
}

static void *resize_small(struct arena *arena, char *block, size_t old_size, size_t new_size)
{
    if (block != NULL && is_last(arena, block, old_size) && rounded(new_size) <= (size_t)(arena->end - block)) {
        arena->at = block + rounded(new_size);
        return block;
    }
    if (block != NULL && new_size <= old_size)
        return block;
    char *to = cut(arena, new_size);
    if (to != NULL && block != NULL)
        memcpy(to, block, old_size);
    return to;
}

static void link_large(struct arena *arena, struct large *large)
{
    large->previous = NULL;
    large->next = arena->larges;
    if (large->next != NULL)
        large->next->previous = large;
    arena->larges = large;
}

static void unlink_large(struct arena *arena, struct large *large)
{
    *(large->previous != NULL ? &large->previous->next : &arena->larges) = large->next;
    if (large->next != NULL)
        large->next->previous = large->previous;
}

static void *resize_large(struct arena *arena, char *block, size_t old_size, size_t new_size)
{
    struct large *large = block != NULL && old_size >= LARGE ? (struct large *)(void *)block - 1 : NULL, *to;
    if (large != NULL)
        unlink_large(arena, large);
    to = new_size <= SIZE_MAX - sizeof *to ? realloc(large, sizeof *to + new_size) : NULL;
    if (to == NULL && large != NULL)
        link_large(arena, large);
    if (to == NULL)
        return new_size <= old_size ? block : NULL; /* Lua relies on it that a block can be made smaller */
    link_large(arena, to);
    if (large == NULL && block != NULL)
        memcpy(to + 1, block, old_size);
    return to + 1;
}

static void *give_back(struct arena *arena, char *block, size_t size)
{
    arena->used -= size;
    if (block != NULL && size >= LARGE) {
        struct large *large = (struct large *)(void *)block - 1;
        unlink_large(arena, large);
        free(large);
    } else if (block != NULL && is_last(arena, block, size)) {
        arena->at = block;
    }
    return NULL;
}

void *arena_allocate(void *ud, void *block, size_t old_size, size_t new_size)
{
    struct arena *arena = ud;
    if (is_graft_part(&arena->grafts, block)) {
        arena->grafts.freed(&arena->grafts, block, old_size);
        return NULL;
    }
    if (block == NULL)
        old_size = 0; /* it tells what kind of object is made, not a size */
    if (new_size == 0)
        return give_back(arena, block, old_size);
    if (new_size > old_size && arena->most > 0 && arena->used + (new_size - old_size) > arena->most)
        return NULL;
    /* A large block that becomes small stays where it is, and goes with the arena. */
    void *result = block;
    if (new_size >= LARGE)
        result = resize_large(arena, block, old_size, new_size);
    else if (old_size < LARGE)
        result = resize_small(arena, block, old_size, new_size);
    if (result != NULL)
        arena->used += new_size - old_size;
    return result;
}

void arena_free(struct arena *arena)
{
    while (arena->larges != NULL) {
        struct large *next = arena->larges->next;
        free(arena->larges);
        arena->larges = next;
    }
    while (arena->chunks != NULL) {
        struct chunk *older = arena->chunks->older;
        free(arena->chunks);
        arena->chunks = older;
    }
}

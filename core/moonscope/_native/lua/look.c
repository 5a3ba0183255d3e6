#include "lua/look.h"

#include <stdlib.h>
#include <string.h>

void look_free(struct look *look)
{
    free(look->entries);
    free(look->pool);
    free(look->keys);
    free(look->held);
    free(look->places);
    if (look->search != NULL) {
        free(look->search->seen);
        free(look->search->frames);
    }
}

bool look_keep(struct look *look, const char *bytes, size_t length, size_t *at)
{
    if (look->pool_length + length > look->pool_room) {
        size_t room = 2 * (look->pool_room + length) + 1024;
        char *pool = realloc(look->pool, room);
        if (pool == NULL)
            return false;
        look->pool = pool;
        look->pool_room = room;
    }
    *at = look->pool_length;
    if (length > 0)
        memcpy(look->pool + look->pool_length, bytes, length);
    look->pool_length += length;
    return true;
}

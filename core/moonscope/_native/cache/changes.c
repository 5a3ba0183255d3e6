#include "cache/changes.h"

#include <stdlib.h>
#include <string.h>

enum { GONE_LIMIT = 65536 };

void changes_init(struct changes *changes)
{
    memset(changes, 0, sizeof *changes);
    for (int i = 0; i < ROW_KINDS; i++)
        link_init(&changes->rows[i]);
    changes->gone_end = &changes->gone;
}

static void forget_oldest(struct changes *changes)
{
    struct gone *oldest = changes->gone;
    changes->lost = oldest->revision;
    changes->gone = oldest->next;
    if (changes->gone == NULL)
        changes->gone_end = &changes->gone;
    changes->gone_count--;
    free(oldest);
}

void changes_destroy(struct changes *changes)
{
    while (changes->gone != NULL)
        forget_oldest(changes);
}

void row_changed(struct changes *changes, enum row_kind kind, struct row *row)
{
    row->changed = ++changes->revision;
    list_append(&changes->rows[kind], &row->order);
}

void row_gone(struct changes *changes, enum row_kind kind, struct row *row, uint64_t id, const char *key, size_t length)
{
    list_remove(&row->order);
    uint64_t revision = ++changes->revision;
    struct gone *gone = changes->followed ? malloc(sizeof *gone + length + 1) : NULL;
    if (gone == NULL) {
        while (changes->gone != NULL)
            forget_oldest(changes);
        changes->lost = revision;
        return;
    }
    *gone = (struct gone){NULL, revision, kind, id, length};
    memcpy(gone->key, key, length);
    gone->key[length] = '\0';
    *changes->gone_end = gone;
    changes->gone_end = &gone->next;
    if (++changes->gone_count > GONE_LIMIT)
        forget_oldest(changes);
}

bool changes_since(struct changes *changes, uint64_t since)
{
    bool known = changes->followed && since >= changes->lost && since <= changes->revision && since != 0;
    changes->followed = true;
    if (!known)
        since = changes->revision; /* the reader gets all there is */
    while (changes->gone != NULL && changes->gone->revision <= since)
        forget_oldest(changes);
    return known;
}

/* What changed since when, among the files, generations and VMs of a cache. One counter numbers all changes; each row
   carries the number of its last one and moves to the end of its list, so that what is new is read from there. What is
   gone is remembered from the first reader on, until one asks for what came later; of very much only that it was. */
#ifndef MOONSCOPE_CHANGES_H
#define MOONSCOPE_CHANGES_H

#include "cache/generation.h"

enum row_kind { ROW_FILE, ROW_GENERATION, ROW_VM, ROW_KINDS };

struct gone {
    struct gone *next;
    uint64_t revision;
    enum row_kind kind;
    uint64_t id; /* of a generation or a VM */
    size_t length;
    char key[]; /* of a file; a NUL after it */
};

struct changes {
    uint64_t revision;
    struct link rows[ROW_KINDS]; /* the least recently changed first */
    struct gone *gone, **gone_end;
    size_t gone_count;
    uint64_t lost; /* what went up to this revision may be forgotten */
    bool followed;
};

/* All under the cache's lock. */

void changes_init(struct changes *);
void changes_destroy(struct changes *);

/* A row that is new, or not what it was. */
void row_changed(struct changes *, enum row_kind, struct row *);

/* A row leaves. `id`, or the key of a file. */
void row_gone(struct changes *, enum row_kind, struct row *, uint64_t id, const char *key, size_t length);

/* A reader knows all up to `since`. False: that is too old, or of the future; it must begin anew. */
bool changes_since(struct changes *, uint64_t since);

#endif

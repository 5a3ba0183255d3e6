/* What a file on disk is, and its text, looked at once per miss. Only regular files are cached; anything else is left to the
   stock loader. */
#ifndef MOONSCOPE_SOURCE_H
#define MOONSCOPE_SOURCE_H

#include "cache/moonscope.h"

#include <stdbool.h>

struct source {
    bool regular;       /* opened, and a regular file; the rest is only set then */
    bool binary;        /* a dumped chunk, perhaps after a first line that starts with '#' */
    uint64_t size;
    uint64_t inode;
    int64_t mtime_ns;
    char path[1024];    /* resolved; cut off names are left empty */
};

enum { SOURCE_BLOCK = 16384 };

/* An open file, block by block. */
struct source_reader {
    int fd;         /* -1: not a regular file, or it cannot be read */
    bool plain;     /* text that Lua compiles as it is (no first line to skip, no byte-order mark), and nothing taken yet */
    size_t length;  /* bytes in the block that were not given out yet */
    bool failed;    /* it could not be read to its end */
    char block[SOURCE_BLOCK];
};

/* Looks at the file and opens it. source_close is to follow, whatever came of it. */
void source_open(const char *name, struct source *, struct source_reader *);

/* The next block of a file that is open; NULL: its end, or it could not be read (failed). */
const char *source_next(struct source_reader *, size_t *length);

/* Is the file still as it was when it was opened? One that is closed is looked at by its name: others have read it. */
bool source_unchanged(const char *name, const struct source *, const struct source_reader *);

void source_close(struct source_reader *);

#endif

/* What a file on disk is, looked at once per miss. Only regular files are cached; anything else is left to the
   stock loader. */
#ifndef MOONSCOPE_SOURCE_H
#define MOONSCOPE_SOURCE_H

#include "moonscope.h"

#include <stdbool.h>

struct source {
    bool regular;       /* opened, and a regular file; the rest is only set then */
    bool binary;        /* a dumped chunk, perhaps after a first line that starts with '#' */
    uint64_t size;
    uint64_t inode;
    int64_t mtime_ns;
    char path[1024];    /* resolved; cut off names are left empty */
};

void source_probe(const char *name, struct source *);

/* Is the file still the one that was probed? Called after compiling it. */
bool source_unchanged(const char *name, const struct source *);

#endif

/* The files of a cache: one record for each key that has a generation, and for visitors: keys that were asked for and have
   none, the newest VISITORS of those that failed and as many of those that were bypassed, so that a person can see why.
   Whatever names scripts make up, no more is kept of them. All under the cache's lock. */
#ifndef MOONSCOPE_FILES_H
#define MOONSCOPE_FILES_H

#include "cache/cache.h"

enum { VISITORS = 256 };

/* The file of a key, made when needed. `lasting`: it is going to have a generation. NULL: no memory. */
struct file *files_add(struct cache *, const struct key *, bool lasting);

/* A file was asked for, or lost a generation: without any left it becomes a visitor, and the oldest of these is forgotten
   when there are too many; or it is forgotten itself, when it neither failed nor visits. `visits`: it was asked for just now. */
void files_settle(struct cache *, struct file *, bool visits);

/* Something in the file's row is different. */
void file_changed(struct cache *, struct file *);

/* Frees those of the forgotten that no reader and no event can point to. `oldest` as in index_reclaim. */
void files_reclaim(struct cache *, uint64_t oldest);

/* At the cache's end. */
void files_destroy(struct cache *);

#endif

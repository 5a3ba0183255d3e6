/* What a fork must not tear apart. While a process forks, every lock of the C part is held, so in the child none is held
   by a thread that is not there, and what they guard is whole. Runtimes that were attached go on loading in the child;
   states of VMs do not, since another thread may have been running one: they are not even closed. */
#ifndef MOONSCOPE_FORK_H
#define MOONSCOPE_FORK_H

#include <stdbool.h>

struct cache;

/* Once per process, before there is a cache. False: no memory. */
bool fork_start(void);

/* How many forks lie between this process and the one that called fork_start. */
unsigned fork_count(void);

/* Caches whose locks are to be held; taken out before they are freed. Neither a cache's lock nor a VM's may be held. */
void fork_add(struct cache *);
void fork_remove(struct cache *);

#endif

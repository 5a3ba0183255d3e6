#include "lua/lua.h"

#include <pthread.h>
#include <stddef.h>

#include "cache/fork.h"

/* Lock order: this one, those of the donors, those of caches, those of VMs, those of vocabularies, that of pending VMs. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cache *first;
static unsigned count;

static void hold(pthread_mutex_t *mutex, bool held)
{
    if (held)
        pthread_mutex_lock(mutex);
    else
        pthread_mutex_unlock(mutex);
}

/* Those of one cache; a cache whose lock is held loses no VM. */
static void hold_cache(struct cache *cache, bool held)
{
    if (held)
        pthread_mutex_lock(&cache->lock);
    for (struct vm *vm = cache->vms; vm != NULL; vm = vm->next)
        hold(&vm->lock, held);
    if (!held)
        pthread_mutex_unlock(&cache->lock);
}

static void hold_all(bool held)
{
    if (held)
        pthread_mutex_lock(&lock);
    for (int i = 0; i < LUAS; i++)
        lua_ops[i]->hold_donor(held);
    for (struct cache *cache = first; cache != NULL; cache = cache->next)
        hold_cache(cache, held);
    for (int i = 0; i < LUAS; i++)
        lua_ops[i]->hold_words(held);
    pending_hold(held);
    if (!held)
        pthread_mutex_unlock(&lock);
}

static void before(void)
{
    hold_all(true);
}

static void in_parent(void)
{
    hold_all(false);
}

static void in_child(void)
{
    count++;
    hold_all(false);
}

bool fork_start(void)
{
    return pthread_atfork(before, in_parent, in_child) == 0;
}

unsigned fork_count(void)
{
    return count;
}

void fork_add(struct cache *cache)
{
    pthread_mutex_lock(&lock);
    cache->previous = NULL;
    cache->next = first;
    if (first != NULL)
        first->previous = cache;
    first = cache;
    pthread_mutex_unlock(&lock);
}

void fork_remove(struct cache *cache)
{
    pthread_mutex_lock(&lock);
    *(cache->previous != NULL ? &cache->previous->next : &first) = cache->next;
    if (cache->next != NULL)
        cache->next->previous = cache->previous;
    pthread_mutex_unlock(&lock);
}

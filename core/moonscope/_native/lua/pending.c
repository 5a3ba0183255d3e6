/* Prepared VMs by token. */
#include "lua/lua.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pending {
    char token[TOKEN_SIZE];
    struct vm *vm; /* borrowed from the Python object, which removes it before it goes */
    struct pending *next;
};

/* Process-wide, because Lua code hands over nothing but the token. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pending *first;
static uint64_t serial;

bool pending_add(struct vm *vm, char token[TOKEN_SIZE])
{
    struct pending *entry = malloc(sizeof *entry);
    if (entry == NULL)
        return false;
    pthread_mutex_lock(&lock);
    /* Serial numbers make it unique, the clock keeps old ones from being guessed by accident. */
    snprintf(entry->token, TOKEN_SIZE, "vm-%llx-%llx", (unsigned long long)++serial, (unsigned long long)monotonic_ns());
    memcpy(token, entry->token, TOKEN_SIZE);
    entry->vm = vm;
    entry->next = first;
    first = entry;
    pthread_mutex_unlock(&lock);
    return true;
}

/* Under the lock: unlinks the entry that `token` or `vm` names. */
static struct vm *unlink_entry(const char *token, const struct vm *vm)
{
    for (struct pending **link = &first; *link != NULL; link = &(*link)->next) {
        struct pending *entry = *link;
        if (token != NULL ? strcmp(entry->token, token) != 0 : entry->vm != vm)
            continue;
        struct vm *found = entry->vm;
        *link = entry->next;
        free(entry);
        return found;
    }
    return NULL;
}

struct vm *pending_take(const char *token)
{
    pthread_mutex_lock(&lock);
    struct vm *vm = unlink_entry(token, NULL);
    if (vm != NULL)
        vm_retain(vm);
    pthread_mutex_unlock(&lock);
    return vm;
}

void pending_remove(struct vm *vm)
{
    pthread_mutex_lock(&lock);
    unlink_entry(NULL, vm);
    pthread_mutex_unlock(&lock);
}

void pending_hold(bool held)
{
    if (held)
        pthread_mutex_lock(&lock);
    else
        pthread_mutex_unlock(&lock);
}

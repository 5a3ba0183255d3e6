/* Forced into every file of the C part (cc -include) by packaging/native_checks.py; see hostile.c. */
#ifndef HOSTILE_H
#define HOSTILE_H

#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void *hostile_malloc(size_t, const char *function);
void *hostile_calloc(size_t, size_t, const char *function);
void *hostile_realloc(void *, size_t);
char *hostile_strdup(const char *);
char *hostile_strndup(const char *, size_t);
int hostile_posix_memalign(void **, size_t, size_t);
void hostile_free(void *, const char *function);
int hostile_unlock(pthread_mutex_t *, const char *function);

#ifndef HOSTILE_ITSELF
#define malloc(size) hostile_malloc(size, __func__)
#define calloc(count, size) hostile_calloc(count, size, __func__)
#define realloc(block, size) hostile_realloc(block, size)
#undef strdup
#define strdup(text) hostile_strdup(text)
#undef strndup
#define strndup(text, size) hostile_strndup(text, size)
#define posix_memalign(block, alignment, size) hostile_posix_memalign(block, alignment, size)
#define free(block) hostile_free(block, __func__)
#define pthread_mutex_unlock(mutex) hostile_unlock(mutex, __func__)
#endif

#endif

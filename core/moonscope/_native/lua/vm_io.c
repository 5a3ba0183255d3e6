#include "lua/vm_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of at most `limit` bytes; empty when there is no memory. */
static struct text text_new(const char *bytes, size_t length, size_t limit)
{
    struct text text = {NULL, 0};
    if (length > limit)
        length = limit;
    text.bytes = malloc(length + 1);
    if (text.bytes != NULL) {
        if (length > 0)
            memcpy(text.bytes, bytes, length);
        text.bytes[length] = '\0';
        text.length = length;
    }
    return text;
}

/* Makes room for `length` more bytes of output. */
static bool make_room(struct vm *vm, size_t length)
{
    size_t need = vm->output_length + length, room = vm->output_room;
    if (need <= room)
        return true;
    for (room = room == 0 ? 256 : room; room < need;)
        room *= 2;
    char *output = realloc(vm->output, room);
    if (output == NULL)
        return false;
    vm->output = output;
    vm->output_room = room;
    return true;
}

void vm_print(struct vm *vm, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    pthread_mutex_lock(&vm->lock);
    size_t fits = OUTPUT_LIMIT - vm->output_length < length ? OUTPUT_LIMIT - vm->output_length : length;
    if (fits > 0 && make_room(vm, fits)) {
        memcpy(vm->output + vm->output_length, bytes, fits);
        vm->output_length += fits;
        vm->output_lost += length - fits;
    } else {
        vm->output_lost += length;
    }
    pthread_mutex_unlock(&vm->lock);
}

/* Streams of C, so that the io library of a Lua can be given them. They cannot be read nor moved in, like a pipe's end. */
#ifdef __APPLE__
static int print_from_stream(void *vm, const char *bytes, int length)
{
    vm_print(vm, bytes, (size_t)length);
    return length;
}

static fpos_t refuse_seek(void *vm, fpos_t offset, int whence)
{
    (void)vm, (void)offset, (void)whence;
    errno = ESPIPE;
    return -1;
}

static FILE *open_stream(struct vm *vm)
{
    return funopen(vm, NULL, print_from_stream, refuse_seek, NULL);
}
#else
static ssize_t print_from_stream(void *vm, const char *bytes, size_t length)
{
    vm_print(vm, bytes, length);
    return (ssize_t)length;
}

static int refuse_seek(void *vm, off64_t *offset, int whence)
{
    (void)vm, (void)offset, (void)whence;
    errno = ESPIPE;
    return -1;
}

static FILE *open_stream(struct vm *vm)
{
    cookie_io_functions_t functions = {.write = print_from_stream, .seek = refuse_seek};
    return fopencookie(vm, "w", functions);
}
#endif

bool vm_open_streams(struct vm *vm)
{
    for (int i = 0; i < OUTPUTS; i++) {
        if (vm->streams[i] != NULL)
            continue;
        vm->streams[i] = open_stream(vm);
        if (vm->streams[i] == NULL)
            return false;
        setvbuf(vm->streams[i], NULL, _IONBF, 0);
    }
    return true;
}

void vm_write(struct vm *vm, int stream, const char *bytes, size_t length)
{
    if (vm == NULL)
        return;
    if (vm->streams[stream] != NULL)
        fwrite(bytes, 1, length, vm->streams[stream]);
    else
        vm_print(vm, bytes, length);
}

void vm_flush(struct vm *vm)
{
    for (int i = 0; vm != NULL && i < OUTPUTS; i++)
        if (vm->streams[i] != NULL)
            fflush(vm->streams[i]);
}

char *vm_take_output(struct vm *vm, size_t *length)
{
    pthread_mutex_lock(&vm->lock);
    if (vm->output_lost > 0 && make_room(vm, 64)) {
        vm->output_length += (size_t)snprintf(vm->output + vm->output_length, 64, "\n[%llu more bytes were lost]\n",
                                              (unsigned long long)vm->output_lost);
        vm->output_lost = 0;
    }
    char *output = vm->output;
    *length = vm->output_length;
    vm->output = NULL;
    vm->output_length = vm->output_room = 0;
    pthread_mutex_unlock(&vm->lock);
    return output;
}

void result_free(struct result *result)
{
    for (size_t i = 0; i < result->count; i++)
        free(result->values[i].bytes);
    free(result->message.bytes);
    free(result->traceback.bytes);
    memset(result, 0, sizeof *result);
}

void vm_begin_result(struct vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    result_free(&vm->result);
    pthread_mutex_unlock(&vm->lock);
}

void vm_add_value(struct vm *vm, const char *bytes, size_t length)
{
    pthread_mutex_lock(&vm->lock);
    if (vm->result.count < RESULT_VALUES)
        vm->result.values[vm->result.count++] = text_new(bytes, length, RESULT_BYTES);
    pthread_mutex_unlock(&vm->lock);
}

void vm_set_failure(struct vm *vm, const char *message, size_t length, const char *traceback, size_t traceback_length)
{
    struct text text = text_new(message, length, RESULT_BYTES);
    struct text trace = text_new(traceback, traceback_length, RESULT_BYTES);
    pthread_mutex_lock(&vm->lock);
    free(vm->result.message.bytes);
    free(vm->result.traceback.bytes);
    vm->result.message = text;
    vm->result.traceback = trace;
    pthread_mutex_unlock(&vm->lock);
}

void vm_default_failure(struct vm *vm, const char *message)
{
    pthread_mutex_lock(&vm->lock);
    bool missing = vm->result.message.length == 0;
    pthread_mutex_unlock(&vm->lock);
    if (missing)
        vm_set_failure(vm, message, strlen(message), NULL, 0);
}

void vm_end_result(struct vm *vm, enum status status)
{
    pthread_mutex_lock(&vm->lock);
    vm->result.status = status;
    vm->result.reason = (enum reason)atomic_load(&vm->stop);
    vm->result.exit_code = vm->exit_code;
    pthread_mutex_unlock(&vm->lock);
}

struct result vm_take_result(struct vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    struct result result = vm->result;
    memset(&vm->result, 0, sizeof vm->result);
    pthread_mutex_unlock(&vm->lock);
    return result;
}

void vm_add_load_failure(struct vm *vm, const char *name, const char *message, size_t length)
{
    struct failure *failure = calloc(1, sizeof *failure);
    if (failure == NULL)
        return;
    failure->name = text_new(name, strlen(name), SIZE_MAX - 1);
    failure->message = text_new(message, length, RESULT_BYTES);
    pthread_mutex_lock(&vm->lock);
    *vm->failures_end = failure;
    vm->failures_end = &failure->next;
    pthread_mutex_unlock(&vm->lock);
}

struct failure *vm_take_failures(struct vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    struct failure *first = vm->failures;
    vm->failures = NULL;
    vm->failures_end = &vm->failures;
    pthread_mutex_unlock(&vm->lock);
    return first;
}

void failures_free(struct failure *failure)
{
    while (failure != NULL) {
        struct failure *next = failure->next;
        free(failure->name.bytes);
        free(failure->message.bytes);
        free(failure);
        failure = next;
    }
}

void vm_io_destroy(struct vm *vm)
{
    for (int i = 0; i < OUTPUTS; i++)
        if (vm->streams[i] != NULL)
            fclose(vm->streams[i]);
    free(vm->output);
    result_free(&vm->result);
    failures_free(vm->failures);
    for (size_t i = 0; i < vm->page_count; i++)
        free(vm->pages[i]);
    free(vm->pages);
}

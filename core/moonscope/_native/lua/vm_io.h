/* What comes out of a VM's runs: printed text, results, failures. Bounded; from any thread. */
#ifndef MOONSCOPE_VM_IO_H
#define MOONSCOPE_VM_IO_H

#include "lua/vm.h"

/* Appends to the captured output; what is over OUTPUT_LIMIT is counted and lost. */
void vm_print(struct vm *, const char *bytes, size_t length);

/* Opens vm->streams: unbuffered, what is written to them is printed. False: no memory. Idempotent. */
bool vm_open_streams(struct vm *);
/* Prints through a stream, in the order of what a script writes to it; without streams, or a VM, just so, or not at all. */
void vm_write(struct vm *, int stream, const char *bytes, size_t length);
/* Prints what the streams have buffered. */
void vm_flush(struct vm *);

/* Moves the captured output out; the caller frees it. NULL: none. */
char *vm_take_output(struct vm *, size_t *length);

void vm_begin_result(struct vm *);
void vm_add_value(struct vm *, const char *bytes, size_t length);
void vm_set_failure(struct vm *, const char *message, size_t length, const char *traceback, size_t traceback_length);
/* The same, unless there is a message already. */
void vm_default_failure(struct vm *, const char *message);
void vm_end_result(struct vm *, enum status);

/* Moves the result out; the caller frees it with result_free. */
struct result vm_take_result(struct vm *);
void result_free(struct result *);

void vm_add_load_failure(struct vm *, const char *name, const char *message, size_t length);
struct failure *vm_take_failures(struct vm *);
void failures_free(struct failure *);

/* Frees all of the above; for the end of the VM record. */
void vm_io_destroy(struct vm *);

#endif

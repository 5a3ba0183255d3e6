/* Signals to the thread that runs a VM. The handler, on that thread, does what must not be done to a Lua state from
   another: it sets hooks (lua/interrupt.inc.h), as the stand-alone `lua` does when Ctrl-C is pressed. And a signal ends the
   wait of a system call, so that a C function of a script that reads from a pipe or opens one returns. */
#ifndef MOONSCOPE_THREAD_SIGNAL_H
#define MOONSCOPE_THREAD_SIGNAL_H

#include <stdbool.h>

struct vm;

/* SIGNAL_PAUSE: system calls go on after it. SIGNAL_STOP: those that wait fail with EINTR. */
enum thread_signal { SIGNAL_PAUSE, SIGNAL_STOP, THREAD_SIGNALS };

/* Installs the handlers, at the first call. Signals that the program handles itself are left alone; if it handles all
   that could be used, none are sent. */
void thread_signals_start(void);

/* This thread runs the VM from here on; NULL: none. `vm->current` is set later, and cleared before. */
void thread_signal_run(struct vm *);

/* To the thread that runs the VM; the caller holds vm->hooking, and vm->current is set. False: none can be sent. */
bool thread_signal_send(struct vm *, enum thread_signal);

#endif

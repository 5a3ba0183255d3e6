#include "lua/thread_signal.h"

#include "lua/lua.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#ifdef __linux__ /* the handler must not allocate: reading this never does */
#define TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define TLS_MODEL
#endif

static _Thread_local struct vm *here TLS_MODEL; /* what this thread runs */
static _Thread_local bool unblocked TLS_MODEL;
static int numbers[THREAD_SIGNALS]; /* 0: none; written once */

static void handle(int number)
{
    (void)number;
    int before = errno;
    struct vm *vm = here;
    if (vm != NULL) {
        atomic_store(&vm->signalled, false);
        lua_ops[vm->cache->lua]->heed(vm);
    }
    errno = before;
}

static bool handles(int number, bool default_action)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0)
        return false;
    return default_action ? action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN : action.sa_handler == handle;
}

static bool install(int number, enum thread_signal signal)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK | (signal == SIGNAL_PAUSE ? SA_RESTART : 0)};
    sigemptyset(&action.sa_mask);
    if (!handles(number, true) || sigaction(number, &action, NULL) != 0)
        return false;
    numbers[signal] = number;
    return true;
}

/* SIGURG, which programs ignore unless they ask for it; and one that nothing else uses. */
static void install_all(void)
{
    install(SIGURG, SIGNAL_PAUSE);
#ifdef SIGRTMAX
    for (int number = SIGRTMAX - 2; number > SIGRTMIN; number--)
        if (install(number, SIGNAL_STOP))
            break;
#else
    install(SIGIO, SIGNAL_STOP);
#endif
}

void thread_signals_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_all);
}

/* A thread inherits which signals are blocked from the one that started it. */
static void unblock(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    for (int i = 0; i < THREAD_SIGNALS; i++)
        if (numbers[i] != 0)
            sigaddset(&ours, numbers[i]);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    unblocked = true;
}

void thread_signal_run(struct vm *vm)
{
    if (vm != NULL) {
        vm->thread = pthread_self();
        if (!unblocked)
            unblock();
    }
    here = vm;
    atomic_signal_fence(memory_order_seq_cst);
}

bool thread_signal_send(struct vm *vm, enum thread_signal signal)
{
    int number = numbers[signal];
    return number != 0 && handles(number, false) && pthread_kill(vm->thread, number) == 0;
}

#define _DEFAULT_SOURCE /* getentropy in glibc and musl */
#define _DARWIN_C_SOURCE

#include "moonscope_hook.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/random.h> /* getentropy on macOS */
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT moonscope_short_string_fn moonscope_short_string = NULL;
EXPORT unsigned int moonscope_seed = 0;
EXPORT const int moonscope_runtime_abi = 4;
EXPORT const struct moonscope_filter *moonscope_filter = NULL;
EXPORT moonscope_look_fn moonscope_look = NULL;

static pthread_mutex_t states_lock = PTHREAD_MUTEX_INITIALIZER;
/* Under the lock; the round is read without it. */
static size_t states;  /* alive */
static size_t waiting; /* of them, those that have not answered the round */
static _Atomic unsigned long long rounds = 0;

unsigned long long moonscope_round(void)
{
    return atomic_load(&rounds);
}

/* A state has nothing yet, so nobody waits for it. */
unsigned long long moonscope_state_begins(void)
{
    pthread_mutex_lock(&states_lock);
    states++;
    unsigned long long answered = atomic_load(&rounds);
    pthread_mutex_unlock(&states_lock);
    return answered;
}

void moonscope_state_ends(unsigned long long answered)
{
    pthread_mutex_lock(&states_lock);
    states--;
    waiting -= answered != atomic_load(&rounds);
    pthread_mutex_unlock(&states_lock);
}

unsigned long long moonscope_count_answer(unsigned long long answered)
{
    pthread_mutex_lock(&states_lock);
    unsigned long long round = atomic_load(&rounds);
    waiting -= answered != round;
    pthread_mutex_unlock(&states_lock);
    return round;
}

EXPORT void moonscope_begin_round(void)
{
    pthread_mutex_lock(&states_lock);
    atomic_fetch_add(&rounds, 1);
    waiting = states;
    pthread_mutex_unlock(&states_lock);
}

EXPORT int moonscope_round_is_over(void)
{
    pthread_mutex_lock(&states_lock);
    int over = waiting == 0;
    pthread_mutex_unlock(&states_lock);
    return over;
}

EXPORT int moonscope_without_states(void (*work)(void))
{
    pthread_mutex_lock(&states_lock);
    int none = states == 0;
    if (none)
        work();
    pthread_mutex_unlock(&states_lock);
    return none;
}

/* Better than nothing on a system without a source of randomness: the clocks, and where things lie in memory. */
static unsigned int guess(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec;
    mixed ^= (uint64_t)(uintptr_t)&now ^ ((uint64_t)(uintptr_t)&moonscope_seed << 16);
    return (unsigned int)(mixed ^ (mixed >> 32));
}

/* Another thread may have had the lock; in the child there is none. */
static void unlock_in_child(void)
{
    const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
    states_lock = unlocked;
}

__attribute__((constructor)) static void draw_seed(void)
{
    pthread_atfork(NULL, NULL, unlock_in_child);
    if (getentropy(&moonscope_seed, sizeof moonscope_seed) != 0)
        moonscope_seed = guess();
}

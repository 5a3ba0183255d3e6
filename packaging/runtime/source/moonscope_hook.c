#define _DEFAULT_SOURCE /* getentropy in glibc and musl */
#define _DARWIN_C_SOURCE

#include "moonscope_hook.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/random.h> /* getentropy on macOS */
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT moonscope_short_string_fn moonscope_short_string = NULL;
EXPORT unsigned int moonscope_seed = 0;
EXPORT const int moonscope_runtime_abi = 3;

static pthread_mutex_t states_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t states; /* alive; under the lock */

void moonscope_state_begins(void)
{
    pthread_mutex_lock(&states_lock);
    states++;
    pthread_mutex_unlock(&states_lock);
}

void moonscope_state_ends(void)
{
    pthread_mutex_lock(&states_lock);
    states--;
    pthread_mutex_unlock(&states_lock);
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

__attribute__((constructor)) static void draw_seed(void)
{
    if (getentropy(&moonscope_seed, sizeof moonscope_seed) != 0)
        moonscope_seed = guess();
}

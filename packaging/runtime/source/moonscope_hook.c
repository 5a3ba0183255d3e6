#define _DEFAULT_SOURCE /* getentropy in glibc and musl */
#define _DARWIN_C_SOURCE

#include "moonscope_hook.h"

#include <stdint.h>
#include <sys/random.h> /* getentropy on macOS */
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT moonscope_short_string_fn moonscope_short_string = NULL;
EXPORT unsigned int moonscope_seed = 0;
EXPORT const int moonscope_runtime_abi = 2;

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

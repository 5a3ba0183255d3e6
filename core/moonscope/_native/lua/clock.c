#include "lua/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#if defined __x86_64__
#include <cpuid.h>
#endif

/* A look at both clocks differs by up to 1 µs (both_now), so 0.2 s give a tick to 1 in 100,000. */
enum { LONG_ENOUGH_NS = 200000000, CLOSE_ENOUGH_NS = 1000, LOOKS = 16 };

struct both {
    uint64_t ticks, ns;
};

bool clock_counts;
static struct both started;  /* as clock_counts */
static _Atomic double fixed; /* ns per tick; 0: not known well enough yet */

#if defined __x86_64__ && defined __linux__
/* The kernel watches the counters of all cores, and keeps time by something else when they are apart. */
static bool kernel_counts(void)
{
    char name[16] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (file == NULL)
        return false;
    bool read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return read && strcmp(name, "tsc\n") == 0;
}
#elif defined __x86_64__
static bool kernel_counts(void)
{
    return true;
}
#endif

static bool counter_is_even(void)
{
#if defined __x86_64__
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & 1u << 8) != 0 && kernel_counts();
#elif defined __aarch64__
    return true;
#else
    return false;
#endif
}

/* Of a few looks the one that was least disturbed between the clocks. */
static struct both both_now(void)
{
    struct both best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < LOOKS && least > CLOSE_ENOUGH_NS; i++) {
        uint64_t before = monotonic_ns(), ticks = ticks_now(), between = monotonic_ns() - before;
        if (between < least) {
            least = between;
            best = (struct both){ticks, before + between / 2};
        }
    }
    return best;
}

void clock_start(void)
{
    clock_counts = counter_is_even();
    started = both_now();
}

double tick_ns(void)
{
    if (!clock_counts)
        return 1;
    double known = atomic_load_explicit(&fixed, memory_order_relaxed), none = 0;
    if (known != 0)
        return known;
    struct both now = both_now();
    if (now.ticks <= started.ticks || now.ns <= started.ns)
        return 1;
    double measured = (double)(now.ns - started.ns) / (double)(now.ticks - started.ticks);
    if (now.ns - started.ns >= LONG_ENOUGH_NS && !atomic_compare_exchange_strong(&fixed, &none, measured))
        return none; /* another thread was first */
    return measured;
}

/* What Moonscope's runtime adds to Lua: symbols of each library, found with dlsym by Moonscope's C part. */

#ifndef MOONSCOPE_HOOK_H
#define MOONSCOPE_HOOK_H

#include <stddef.h>

struct lua_State;

/* Shared objects: strings and prototypes that belong to no state. They are on no list of a collector, are never white, and
   have this bit in `marked`, which no other object has. */
enum { MOONSCOPE_SHARED = 0x80 };

/* Asked for each short string that a state is about to make and that the filter lets pass. Returns the TString that every
   state of this library is to use instead (shared, its hash that of moonscope_seed), or NULL: make one. The state may use
   it until it has ended, or has been looked at and not had it; see moonscope_look.
   Runs in any thread, inside the state's own work: it must neither call Lua nor wait. */
typedef void *(*moonscope_short_string_fn)(void *lua_state, const char *text, size_t length, unsigned int hash);

/* NULL: plain Lua. Set at most once, before the first state whose strings are to be shared is made. */
extern moonscope_short_string_fn moonscope_short_string;

/* Which strings are not worth asking for: bit `hash * MOONSCOPE_MIX >> shift` (of 32 bits) is not set. */
struct moonscope_filter {
    unsigned int shift;
    unsigned char bits[]; /* bytes that others may set bits in meanwhile */
};

#define MOONSCOPE_MIX 0x9E3779B1u

/* NULL: nothing is asked for. Set after moonscope_short_string. May be replaced at any time; the older one is read until each state has been looked at. */
extern const struct moonscope_filter *moonscope_filter;

static inline int moonscope_may_share(unsigned int hash)
{
    const struct moonscope_filter *filter = __atomic_load_n(&moonscope_filter, __ATOMIC_ACQUIRE);
    if (filter == NULL)
        return 0;
    unsigned int at = hash * MOONSCOPE_MIX >> filter->shift;
    return __atomic_load_n(&filter->bits[at >> 3], __ATOMIC_RELAXED) >> (at & 7) & 1;
}

/* The string hash seed of every state of this library, unless its maker gave another one (such a state is never asked
   about). Drawn when the library is loaded, constant from then on. */
extern unsigned int moonscope_seed;

/* Pushes a closure over `proto`, a Proto that is never white and outlives the state; its one upvalue is fresh and holds
   the globals, as lua_load gives it. The stack needs room for one value. Returns 1, or 0 with nothing pushed: there is no
   memory, or garbage is to be collected first. Raises no error and runs no other code, so it may be called unprotected. */
extern int moonscope_push_function(struct lua_State *L, void *proto);

/* Runs `work` if no state of this library is alive, and holds off any that is about to begin until it is done: what states
   were given can be freed then. Returns whether it ran. `work` must not make or close a state. */
extern int moonscope_without_states(void (*work)(void));

/* Calls `found` with what a state refers to: each shared object and its kind (more than once, perhaps), and, of kind 0, the
   code of each prototype of its own, which may lie in memory that is not. What is garbage and not freed yet counts, unless
   the collector has found that out. Only in the thread that runs the state, or while none does; `found` must not call Lua. */
typedef void (*moonscope_found_fn)(void *data, const void *address, int kind);
extern void moonscope_visit(struct lua_State *L, moonscope_found_fn found, void *data);

/* A lua_CFunction: returns a list of the short strings that the state has made itself. */
extern int moonscope_own_strings(struct lua_State *L);

/* Rounds: a way to learn that every state has been looked at. A round is over when each state that was alive at its
   begin has called moonscope_look since, or has ended. A state that runs no Lua calls nothing: whoever knows that no
   thread runs it may answer for it. */

/* Called at the end of a step of the collector, in the thread that runs the state: when there is a round that the state
   has not answered yet (`asked`), and when a collection is complete (`collected`). It may read the state with
   moonscope_visit, but neither call Lua nor allocate in it. NULL: nobody looks. Set as moonscope_short_string. */
typedef void (*moonscope_look_fn)(struct lua_State *L, int asked, int collected);
extern moonscope_look_fn moonscope_look;

/* Begins one; only when the last one is over. */
extern void moonscope_begin_round(void);
extern int moonscope_round_is_over(void);

/* Looks at a state that has not answered yet, and answers for it. As moonscope_visit. */
extern void moonscope_answer(struct lua_State *L);

/* What Lua calls: a state is about to make its first string, and keeps what is returned; it has dropped its last; its
   collector has done a step, or (`collected`) all there was. */
#define MOONSCOPE_HIDDEN __attribute__((visibility("hidden")))
MOONSCOPE_HIDDEN unsigned long long moonscope_state_begins(void);
MOONSCOPE_HIDDEN void moonscope_state_ends(unsigned long long answered);
MOONSCOPE_HIDDEN void moonscope_gc_stepped(struct lua_State *L, int collected);

/* Between the two files of ours: the round under way, or the last one; and that a state with this answer has given it. */
MOONSCOPE_HIDDEN unsigned long long moonscope_round(void);
MOONSCOPE_HIDDEN unsigned long long moonscope_count_answer(unsigned long long answered);

/* The version of all this. */
extern const int moonscope_runtime_abi;

#endif

/* What Moonscope's runtime adds to Lua: symbols of each library, found with dlsym by Moonscope's C part. */

#ifndef MOONSCOPE_HOOK_H
#define MOONSCOPE_HOOK_H

#include <stddef.h>

/* Asked for each short string that a state is about to make. Returns the TString that every state of this library is to
   use instead (never white, on no list, its hash that of moonscope_seed), or NULL: make one. The state may use it until
   it has ended.
   Runs in any thread, inside the state's own work: it must neither call Lua nor wait. */
typedef void *(*moonscope_short_string_fn)(void *lua_state, const char *text, size_t length, unsigned int hash);

/* NULL: plain Lua. Set at most once, before the first state whose strings are to be shared is made. */
extern moonscope_short_string_fn moonscope_short_string;

/* The string hash seed of every state of this library, unless its maker gave another one (such a state is never asked
   about). Drawn when the library is loaded, constant from then on. */
extern unsigned int moonscope_seed;

struct lua_State;

/* Pushes a closure over `proto`, a Proto that is never white and outlives the state; its one upvalue is fresh and holds
   the globals, as lua_load gives it. The stack needs room for one value. Returns 1, or 0 with nothing pushed: there is no
   memory, or garbage is to be collected first. Raises no error and runs no other code, so it may be called unprotected. */
extern int moonscope_push_function(struct lua_State *L, void *proto);

/* Runs `work` if no state of this library is alive, and holds off any that is about to begin until it is done: what states
   were given can be freed then. Returns whether it ran. `work` must not make or close a state. */
extern int moonscope_without_states(void (*work)(void));

/* What Lua calls: a state is about to make its first string; it has dropped its last. */
__attribute__((visibility("hidden"))) void moonscope_state_begins(void);
__attribute__((visibility("hidden"))) void moonscope_state_ends(void);

/* The version of all this. */
extern const int moonscope_runtime_abi;

#endif

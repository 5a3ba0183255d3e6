/* Tier `direct`, on Moonscope's own runtime: a further VM gets a closure over the frozen prototype itself, and nothing
   of its own. The runtime is stock Lua but for one question it asks about short strings; see lua/vocabulary.inc.h. */
#pragma once

#include <dlfcn.h>

#include "cache/tier.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/layout.inc.h"
#include "lua/heap.inc.h"
#include "lua/vocabulary.inc.h"
#include "lua/frozen.inc.h"
#include "lua/freeze.inc.h"
#include "lua/factory.inc.h"
#include "lua/graft.inc.h"
#include "lua/retired.inc.h"

static const char base_word[] = "__index"; /* frozen before any state is attached */

typedef void *(*short_string_hook)(void *, const char *, size_t, unsigned);

/* The runtime's: pushes a closure over a prototype, or returns 0 when it would have to collect garbage first, or there is
   no memory. Raises nothing and runs nothing. As the functions of the API. */
static int (*push_function)(lua_State *, void *);

/* The value must be a string. Its text would not tell where it begins: that of 5.5's long strings may lie elsewhere. */
static struct string_layout *string_at(lua_State *L, int index)
{
    return (struct string_layout *)(uintptr_t)lua_topointer(L, index);
}

/* A state with a hash seed of its own never asks for frozen strings, and finds other hashes for long ones. */
static bool asks_for_words(lua_State *L)
{
    lua_pushstring(L, base_word);
    const struct string_layout *own = string_at(L, -1);
    bool asks = frozen_short_string(L, own->text, own->length, own->hash) == own;
    lua_pop(L, 1);
    return asks;
}

/* May this VM run code whose constants are the frozen strings? Not when it interned one of them itself before it was
   frozen: its tables have that one as the key, and lookups would silently miss. O(1) for a VM born after the newest. */
static bool direct_fits(lua_State *L, const struct frozen *frozen, uint64_t born)
{
    if (born == 0 && !asks_for_words(L))
        return false;
    for (uint32_t i = 0; frozen->newest > born && i < frozen->value_count; i++) {
        struct value_layout *value = &frozen->values[i];
        const struct string_layout *word = value->value.object;
        if (value->kind != KIND_SHORT || *value_same(value) > 0 || word_sequence(word) <= born)
            continue;
        lua_pushlstring(L, word->text, word->length);
        bool same = string_at(L, -1) == word;
        lua_pop(L, 1);
        if (!same)
            return false;
    }
    return true;
}

/* Arguments: the frozen tree, the vm or NULL. Returns whether it fits. Raises when there is no memory. */
static int check_fit(lua_State *L)
{
    const struct vm *vm = lua_touserdata(L, 2);
    lua_pushboolean(L, direct_fits(L, lua_touserdata(L, 1), vm != NULL ? vm->born : 0));
    return 1;
}

/* Finds out what this VM runs: the frozen prototype itself, or on conflict a graft of it (*fits is false). */
static int choose_prototype(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload, bool *fits)
{
    lua_pushcclosure(L, check_fit, 0);
    lua_pushlightuserdata(L, payload->data);
    lua_pushlightuserdata(L, vm);
    int status = quiet_call(L, 2, 1);
    if (status != LUA_OK)
        return status;
    *fits = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (own_prototype(hold) != NULL) /* a finalizer has loaded it meanwhile */
        *fits = own_prototype(hold) == payload->prototype;
    else if (*fits)
        atomic_store_explicit(&hold->own, payload->prototype, memory_order_relaxed);
    return LUA_OK;
}

static int direct_push(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload,
                       const char *chunkname)
{
    void *own = own_prototype(hold);
    if (own == NULL && vm != NULL && vm->born > 0 && vm->born >= payload->newest) {
        own = payload->prototype;
        atomic_store_explicit(&hold->own, own, memory_order_relaxed);
    }
    bool fits = own == payload->prototype;
    if (fits && push_function(L, own))
        return LUA_OK;
    int status = own == NULL ? choose_prototype(L, vm, hold, payload, &fits) : LUA_OK;
    if (status != LUA_OK)
        return status;
    if (!fits)
        return graft_push(L, vm, hold, payload, chunkname);
    collector_turn(L);
    return push_closure(L, payload->prototype);
}

static bool direct_store(lua_State *L, struct payload *payload)
{
    const struct closure_layout *closure = lua_topointer(L, -1);
    if (closure->upvalue_count != 1)
        return false;
    struct frozen *frozen = freeze(L, closure->proto, true);
    payload->data = frozen;
    payload->size = frozen != NULL ? frozen->size : 0;
    payload->prototypes = frozen != NULL ? frozen->proto_count : 0;
    payload->newest = frozen != NULL ? frozen->newest : 0;
    payload->prototype = frozen != NULL ? main_proto(frozen) : NULL;
    return frozen != NULL;
}

static const struct tier direct = {
    .name = "direct",
    .pins = true,
    .words = true,
    .donor = true,
    .store = direct_store,
    .push = direct_push,
    .release = graft_release,
    .on_conflict = &graft,
};

/* See lua/base_words.inc.h. False: no memory. */
static bool make_base_words(lua_CFunction own_strings);
static void measure_base_words(void);

/* The runtime's; NULL: this is no Moonscope runtime, or another version of it. */
static void *runtime_symbol(void *library, const char *name)
{
    const int *abi = dlsym(library, "moonscope_runtime_abi");
    return abi != NULL && *abi == 4 ? dlsym(library, name) : NULL;
}

/* Called once, by bind(), before any state of the runtime is attached. False: this is no Moonscope runtime. */
static bool direct_start(void *library)
{
    static struct word_runtime runtime;
    lua_CFunction own_strings;
    short_string_hook *hook = runtime_symbol(library, "moonscope_short_string");
    void (**look)(lua_State *, int, int) = runtime_symbol(library, "moonscope_look");
    *(void **)&push_function = runtime_symbol(library, "moonscope_push_function");
    *(void **)&own_strings = runtime_symbol(library, "moonscope_own_strings");
    *(void **)&visit_state = runtime_symbol(library, "moonscope_visit");
    *(void **)&runtime.without_states = runtime_symbol(library, "moonscope_without_states");
    *(void **)&runtime.begin_round = runtime_symbol(library, "moonscope_begin_round");
    *(void **)&runtime.round_is_over = runtime_symbol(library, "moonscope_round_is_over");
    *(void **)&runtime.answer = runtime_symbol(library, "moonscope_answer");
    if (hook == NULL)
        return false;
    if (*hook != NULL) /* set before */
        return *hook == frozen_short_string;
    vocabulary.runtime = &runtime; /* from here on a word has the hash that Lua gives it */
    if (make_base_words(own_strings)) {
        *look = look_at_state;
        *hook = frozen_short_string; /* states ask it as soon as there is a filter */
        runtime.filter = runtime_symbol(library, "moonscope_filter");
        atomic_store_explicit(runtime.filter, atomic_load(&vocabulary.table)->filter, memory_order_release);
        measure_base_words();
    } else {
        vocabulary.runtime = NULL;
        visit_state = NULL;
    }
    return *hook != NULL;
}

/* What a value of a VM is, in plain data; raw access only (see lua/reach.inc.h). */
#pragma once

#include "cache/generation.h"
#include "lua/look.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/reach.inc.h"
#if LUA_VERSION_NUM >= 504
#include "lua/layout.inc.h"
#endif

/* A generation that the VM holds. */
struct look_held {
    uint64_t id;
    const char *chunkname;
    const char *start; /* of what its closures share; NULL: nothing */
    size_t size;
};

/* The generations that this VM holds. They cannot go while it does, and it does nothing else meanwhile. */
static bool list_held(struct looking *looking)
{
    struct vm *vm = looking->vm;
    struct look *look = looking->look;
    look->held = calloc(vm->page_count * HOLDS_PER_PAGE + 1, sizeof *look->held);
    pthread_mutex_lock(&vm->cache->lock);
    for (size_t slot = 0; look->held != NULL && slot < vm->page_count * HOLDS_PER_PAGE; slot++) {
        const struct hold *hold = vm_find_hold(vm, (uint32_t)slot);
        if (hold == NULL || atomic_load_explicit(&hold->hits, memory_order_relaxed) == 0)
            continue;
        const struct generation *generation = vm->cache->slots[slot];
        struct look_held *held = &look->held[look->held_count++];
        *held = (struct look_held){generation->id, generation->file->chunkname, NULL, 0};
#if LUA_VERSION_NUM >= 504
        if (generation->tier->pins) {
            held->start = generation->payload.data;
            held->size = generation->payload.size;
        }
#endif
    }
    pthread_mutex_unlock(&vm->cache->lock);
    return look->held != NULL;
}

static void keep_text(struct looking *looking, const char *text, size_t length, size_t *at, size_t *kept)
{
    *kept = look_keep(looking->look, text, length, at) ? length : 0;
    if (*kept != length)
        looking->look->outcome = LOOK_MEMORY;
}

static void describe_value(struct looking *looking, int index, struct look_value *value)
{
    lua_State *L = looking->L;
    struct look_key key;
    read_key(L, index, &key);
    value->type = lua_type(L, index);
    value->is_integer = key.kind == STEP_INTEGER;
    value->integer = key.kind == STEP_OBJECT ? 0 : key.integer;
    value->number = key.number;
    value->address = key.address;
    value->length = key.kind == STEP_STRING ? key.length : 0;
    if (key.kind == STEP_STRING)
        keep_text(looking, key.text, key.length < LOOK_TEXT ? key.length : LOOK_TEXT, &value->text, &value->kept);
    else if (value->type == LUA_TUSERDATA)
        value->length = raw_length(L, index);
}

static void count_entries(struct looking *looking, int index, struct look_entry *entry)
{
    lua_State *L = looking->L;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (entry->count == LOOK_CHILDREN || look_ends(looking)) {
            entry->count_cut = true;
            lua_pop(L, 1);
            return;
        }
        entry->count++;
    }
}

#if LUA_VERSION_NUM >= 504
/* Does the closure at `index` run code of that generation? */
static bool runs_frozen(lua_State *L, int index, const struct look_held *held)
{
    const char *code = (const char *)proto_at(L, index)->code;
    return held->start != NULL && code >= held->start && code < held->start + held->size;
}
#endif

/* By address: what the process shares. Else by name: the newest that this VM holds of that file. */
static void find_generation(struct looking *looking, int index, const char *source, struct look_function *function)
{
    const struct look *look = looking->look;
#if LUA_VERSION_NUM >= 504
    for (size_t i = 0; i < look->held_count; i++)
        if (look->held[i].start != NULL && runs_frozen(looking->L, index, &look->held[i])) {
            function->generation = look->held[i].id;
            function->shared = true;
            return;
        }
#endif
    (void)index;
    if (source != looking->source) {
        looking->source = source;
        looking->generation = 0;
        for (size_t i = 0; i < look->held_count; i++)
            if (look->held[i].id > looking->generation && strcmp(look->held[i].chunkname, source) == 0)
                looking->generation = look->held[i].id;
    }
    function->generation = looking->generation;
}

static void read_activation(lua_State *L, int index, struct lua_Debug *activation)
{
    lua_pushvalue(L, index);
    lua_getinfo(L, ">Su", activation);
}

static void describe_function(struct looking *looking, int index, struct look_function *function)
{
    lua_State *L = looking->L;
    struct lua_Debug activation;
    read_activation(L, index, &activation);
    function->upvalues = activation.nups;
    function->kind = FUNCTION_LUA;
    if (lua_iscfunction(L, index)) {
        /* Since 5.2 a C function without upvalues is a bare pointer; before, it is a closure too. */
        function->kind = LUA_VERSION_NUM >= 502 && activation.nups == 0 ? FUNCTION_LIGHT : FUNCTION_C;
        return;
    }
    function->line = activation.linedefined;
    function->last_line = activation.lastlinedefined;
    size_t length = strlen(activation.source), limit = *activation.source == '@' ? 4096 : LOOK_TEXT;
    keep_text(looking, activation.source, length < limit ? length : limit, &function->source, &function->source_kept);
    find_generation(looking, index, activation.source, function);
}

/* The value is on top of the stack and stays there. */
static void describe_entry(struct looking *looking, struct look_entry *entry)
{
    lua_State *L = looking->L;
    int index = lua_gettop(L);
    struct look_key part;
    describe_value(looking, index, &entry->value);
    if (entry->value.type == LUA_TTABLE)
        count_entries(looking, index, entry);
    else if (entry->value.type == LUA_TFUNCTION)
        describe_function(looking, index, &entry->function);
    size_t parts = list_parts(L, index, &part, 1);
    entry->metatable = parts > 0 && part.kind == STEP_METATABLE;
    entry->opens = parts > 0 || entry->count > 0;
}

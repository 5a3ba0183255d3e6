/* How many closures of one prototype a VM holds: all that its registry and globals lead to is walked once, by raw access
   only (see lua/reach.inc.h). What only the stacks of coroutines hold is not seen. */
#pragma once

#include "cache/moonscope.h"
#include "lua/look.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/reach.inc.h"
#include "lua/describe.inc.h"

/* An object on the way down, at `index` of the stack. */
struct closure_frame {
    int index;
    uint8_t part; /* of what kind the next part is; all done: the entries of a table */
    bool walking;    /* the entries, with the key of the last one above the object */
    bool value_done; /* of that entry; its key is next */
    int n;           /* number of the last part of that kind */
};

static const void **closure_slot(const void **seen, size_t room, const void *object)
{
    size_t at = ((uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> 20 & (room - 1);
    while (seen[at] != NULL && seen[at] != object)
        at = (at + 1) & (room - 1);
    return &seen[at];
}

/* Is the object new? NULL is not. The set grows as needed; when it cannot, the walk ends. */
static bool closure_first_seen(struct look *look, const void *object)
{
    struct closure_search *search = look->search;
    if (2 * search->objects >= search->room) {
        size_t room = search->room > 0 ? 2 * search->room : 4096;
        const void **seen = calloc(room, sizeof *seen);
        if (seen == NULL) {
            look->outcome = LOOK_MEMORY;
            return false;
        }
        for (size_t i = 0; i < search->room; i++)
            if (search->seen[i] != NULL)
                *closure_slot(seen, room, search->seen[i]) = search->seen[i];
        free(search->seen);
        search->seen = seen;
        search->room = room;
    }
    const void **slot = closure_slot(search->seen, search->room, object);
    if (object == NULL || *slot == object)
        return false;
    *slot = object;
    search->objects++;
    return true;
}

/* The function at `index` counts when it is of the prototype that is looked for. */
static void count_closure(struct looking *looking, int index)
{
    struct closure_search *search = looking->look->search;
    struct look_function function = {.kind = FUNCTION_LUA};
    struct lua_Debug activation;
    if (lua_iscfunction(looking->L, index))
        return;
    read_activation(looking->L, index, &activation);
    if (activation.linedefined != search->line || activation.lastlinedefined != search->last_line)
        return;
    find_generation(looking, index, activation.source, &function);
    search->closures += function.generation == search->generation;
}

/* Pushes the next thing that the object of a frame leads to. */
static bool push_next(lua_State *L, struct closure_frame *frame)
{
    static const enum step_kind kinds[] = {STEP_METATABLE, STEP_ENVIRONMENT, STEP_UPVALUE, STEP_USER_VALUE};
    for (; frame->part < sizeof kinds / sizeof *kinds; frame->part++, frame->n = 0) {
        bool single = kinds[frame->part] <= STEP_ENVIRONMENT;
        if ((frame->n == 0 || !single) && push_part(L, frame->index, kinds[frame->part], ++frame->n) != NULL)
            return true;
    }
    if (lua_type(L, frame->index) != LUA_TTABLE)
        return false;
    if (!frame->walking)
        lua_pushnil(L);
    frame->walking = true;
    if (frame->value_done)
        lua_pushvalue(L, frame->index + 1);
    frame->value_done = !frame->value_done;
    return !frame->value_done || lua_next(L, frame->index) != 0;
}

/* Makes room on the stack for FRAMES_AHEAD more frames, so that a VM whose objects are not deep in each other is not left with a
   large stack. The memory cap is for scripts, not for who looks. */
enum { FRAMES_AHEAD = 4, SLOTS_OF_FRAME = 2, SLOTS_OF_VISIT = 8 };

static bool make_room(struct looking *looking, int depth)
{
    if (depth % FRAMES_AHEAD != 0)
        return true;
    lua_State *current = atomic_exchange(&looking->vm->current, NULL);
    bool room = lua_checkstack(looking->L, FRAMES_AHEAD * SLOTS_OF_FRAME + SLOTS_OF_VISIT);
    atomic_store(&looking->vm->current, current);
    return room;
}

/* Walks what the value on top of the stack leads to. */
static void walk_closures(struct looking *looking)
{
    lua_State *L = looking->L;
    struct look *look = looking->look;
    struct closure_frame *frames = look->search->frames;
    int depth = 0, base = lua_gettop(L) - 1;
    for (bool entered = true; (entered || depth > 0) && !look_ends(looking); ) {
        int top = lua_gettop(L), type = lua_type(L, top);
        bool leads = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA;
        if (entered && leads && closure_first_seen(look, lua_topointer(L, top))) {
            if (type == LUA_TFUNCTION)
                count_closure(looking, top);
            if (depth < CLOSURE_DEPTH && make_room(looking, depth))
                frames[depth++] = (struct closure_frame){.index = top};
            else
                look->search->cut = true;
        }
        entered = false;
        while (depth > 0 && !entered) {
            struct closure_frame *frame = &frames[depth - 1];
            lua_settop(L, frame->index + frame->walking);
            entered = push_next(L, frame);
            depth -= !entered;
        }
    }
    lua_settop(L, base);
}

/* What there is to free is left in `look`. */
static void look_for_closures(lua_State *L, struct vm *vm, struct look *look)
{
    struct looking looking = {.L = L, .vm = vm, .look = look, .deadline = monotonic_ns() + LOOK_NS};
    look->search->frames = calloc(CLOSURE_DEPTH, sizeof *look->search->frames);
    if (look->search->frames == NULL || !list_held(&looking)) {
        look->outcome = LOOK_MEMORY;
        return;
    }
    for (int kind = STEP_GLOBALS; kind <= STEP_REGISTRY; kind++) {
        push_start(&looking, (enum step_kind)kind);
        walk_closures(&looking);
    }
    if (look->outcome == LOOK_TOO_LONG) { /* what was counted holds */
        look->outcome = LOOK_DONE;
        look->search->cut = true;
    }
}

/* Looking into a VM: one page of what the value at the end of a path leads to; raw access only (see lua/reach.inc.h). */
#pragma once

#include "cache/moonscope.h"
#include "lua/look.h"
#include "lua/vm.h"

#include "lua/api.inc.h"
#include "lua/reach.inc.h"
#include "lua/describe.inc.h"

static int compare_keys(const void *left, const void *right)
{
    const struct look_key *a = left, *b = right;
    if (is_number_key(a->kind) && is_number_key(b->kind)) {
        double x = a->kind == STEP_INTEGER ? (double)a->integer : a->number;
        double y = b->kind == STEP_INTEGER ? (double)b->integer : b->number;
        return x != y ? (x > y) - (x < y) : (a->integer > b->integer) - (a->integer < b->integer);
    }
    if (a->kind != b->kind)
        return is_number_key(a->kind) ? -1 : is_number_key(b->kind) ? 1 : (a->kind > b->kind) - (a->kind < b->kind);
    if (a->kind == STEP_STRING) {
        int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
        return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
    }
    if (a->integer != b->integer) /* booleans; the types of others */
        return a->integer > b->integer ? 1 : -1;
    return (a->address > b->address) - (a->address < b->address);
}

/* What the value leads to, parts first, then the keys of a table in order. */
static void list_keys(struct looking *looking)
{
    lua_State *L = looking->L;
    struct look *look = looking->look;
    size_t parts = list_parts(L, looking->at, look->keys, LOOK_KEYS);
    look->listed = look->total = parts;
    if (lua_type(L, looking->at) != LUA_TTABLE)
        return;
    lua_pushnil(L);
    while (lua_next(L, looking->at)) {
        if (look->listed < LOOK_KEYS) {
            read_key(L, -2, &look->keys[look->listed]);
            look->keys[look->listed].ordinal = (uint32_t)(look->listed - parts);
            look->listed++;
        }
        lua_pop(L, 1);
        look->total++;
        look->total_cut = look->total == LOOK_COUNTED;
        if (look->total_cut || look_ends(looking))
            break;
    }
    lua_settop(L, looking->at);
    qsort(look->keys + parts, look->listed - parts, sizeof *look->keys, compare_keys);
}

static void list_starts(struct look *look)
{
    for (int kind = STEP_GLOBALS; kind <= STEP_REGISTRY; kind++)
        look->keys[look->listed++] = (struct look_key){.kind = kind};
    look->total = look->listed;
}

/* An entry that is no key of a table. */
static void fill_part(struct looking *looking, const struct look_key *key, struct look_entry *entry)
{
    lua_State *L = looking->L;
    int top = lua_gettop(L);
    const char *name = "";
    if (key->kind <= STEP_REGISTRY)
        push_start(looking, key->kind);
    else
        name = push_part(L, looking->at, key->kind, key->integer);
    entry->step = key->kind;
    entry->key.integer = key->integer;
    if (name != NULL) {
        size_t length = strlen(name);
        keep_text(looking, name, length < LOOK_TEXT ? length : LOOK_TEXT, &entry->key.text, &entry->key.kept);
        entry->key.length = length;
        describe_entry(looking, entry);
    }
    lua_settop(L, top);
}

/* The entries of the table that have a place on the page. */
static void fill_keys(struct looking *looking, size_t left)
{
    lua_State *L = looking->L;
    struct look *look = looking->look;
    lua_pushnil(L);
    for (size_t ordinal = 0; left > 0 && lua_next(L, looking->at) && !look_ends(looking); ordinal++) {
        if (look->places[ordinal] > 0) {
            struct look_entry *entry = &look->entries[look->places[ordinal] - 1];
            struct look_key key;
            read_key(L, -2, &key);
            entry->step = key.kind;
            describe_value(looking, lua_gettop(L) - 1, &entry->key);
            describe_entry(looking, entry);
            left--;
        }
        lua_pop(L, 1);
    }
    lua_settop(L, looking->at);
}

static void fill_page(struct looking *looking)
{
    struct look *look = looking->look;
    size_t first = look->offset < look->listed ? look->offset : look->listed, in_table = 0;
    look->count = look->listed - first < look->limit ? look->listed - first : look->limit;
    for (size_t i = 0; i < look->count && !look_ends(looking); i++) {
        const struct look_key *key = &look->keys[first + i];
        if (key->kind >= STEP_STRING && key->kind <= STEP_OBJECT) {
            look->places[key->ordinal] = (uint32_t)i + 1;
            in_table++;
        } else {
            fill_part(looking, key, &look->entries[i]);
        }
    }
    fill_keys(looking, in_table);
}

/* What there is to free is left in `look`, and the stack in disorder. */
static void look_into(lua_State *L, struct vm *vm, struct look *look)
{
    struct looking looking = {
        .L = L, .vm = vm, .look = look, .at = lua_gettop(L) + 1, .deadline = monotonic_ns() + LOOK_NS,
    };
    look->keys = calloc(LOOK_KEYS, sizeof *look->keys);
    look->places = calloc(LOOK_KEYS, sizeof *look->places);
    look->entries = calloc(LOOK_PAGE, sizeof *look->entries);
    if (look->keys == NULL || look->places == NULL || look->entries == NULL || !list_held(&looking)) {
        look->outcome = LOOK_MEMORY;
        return;
    }
    if (!follow_path(&looking))
        return;
    if (look->step_count == 0) {
        list_starts(look);
    } else {
        describe_value(&looking, looking.at, &look->opened);
        list_keys(&looking);
    }
    fill_page(&looking);
}

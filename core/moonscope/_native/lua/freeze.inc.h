/* Freezing a function; see lua/frozen.inc.h for what comes out. It is planned first. Then the block is made and written, which
   cannot fail any more. */
#pragma once

#include "lua/api.inc.h"
#include "lua/hooks.inc.h"
#include "lua/layout.inc.h"
#include "lua/vocabulary.inc.h"
#include "lua/frozen.inc.h"
#include "lua/sequence.inc.h"
#include "lua/plan.inc.h"

/* The hash that every state of the own runtime finds for a long string, which is only computed when it is a table key. There
   is a table at the top. */
static uint32_t long_hash(lua_State *L, const struct string_layout *string)
{
    int table = lua_gettop(L);
    lua_pushlstring(L, string_text(string), string_length(string));
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    const char *text = lua_tolstring(L, table + 1, NULL);
    const struct string_layout *hashed = (const struct string_layout *)(const void *)(text - LONG_HEADER);
    uint32_t hash = hashed->hash;
    lua_settop(L, table);
    return hash;
}

/* Argument: the freezer. Raises when there is no memory. */
static int hash_longs(lua_State *L)
{
    struct freezer *freezer = lua_touserdata(L, 1);
    lua_createtable(L, 0, 0);
    for (uint32_t i = 0; i < freezer->seen_count; i++) {
        struct seen *seen = &freezer->seen[i];
        if (is_long_constant(seen))
            seen->hash = long_hash(L, string_of(seen));
    }
    return 0;
}

/* A frozen long string. It is marked as having its hash, or the first VM that needs that would write it here. */
static struct string_layout *write_long(struct freezer *freezer, struct seen *seen)
{
    const struct string_layout *from = string_of(seen);
    struct string_layout *string = (struct string_layout *)(void *)(freezer->longs + seen->to.offset);
    char *text = (char *)string + LONG_HEADER;
    if (seen->written)
        return string;
    memcpy(string, from, offsetof(struct string_layout, text));
    memcpy(text, string_text(from), string_length(from));
    text[string_length(from)] = '\0';
    string->next = NULL;
    string->mark = MARK_FROZEN;
    string->extra = 1;
    string->hash = seen->hash;
#if LUA_VERSION_NUM == 505
    memcpy(string->text, &text, sizeof text);
#endif
    seen->written = true;
    return string;
}

static struct string_layout *write_string(struct freezer *freezer, struct seen *seen)
{
    if (!seen->is_word)
        return write_long(freezer, seen);
    seen->uses++;
    return seen->to.word;
}

/* `number` as name_number gave it. */
static struct string_layout *write_name(struct freezer *freezer, uint32_t number)
{
    return number > 0 ? write_string(freezer, &freezer->seen[number - 1]) : NULL;
}

/* Returns 0 when the string was no constant yet; from now on it is constant `number`. */
static uint32_t seen_as(struct seen *seen, uint32_t number)
{
    uint32_t before = seen->constant;
    if (before == 0)
        seen->constant = number + 1;
    return before;
}

static void write_value(struct freezer *freezer, uint32_t number)
{
    const struct pair *pair = &freezer->values.items[number];
    struct value_layout *value = &freezer->frozen->values[number];
    value->value.bits = pair->value;
    value->kind = (uint8_t)pair->kind;
    *value_same(value) = 0;
    if (!is_string(value))
        return;
    struct seen *seen = &freezer->seen[pair->value];
    value->value.object = write_string(freezer, seen);
    *value_same(value) = seen_as(seen, number);
    if (value->kind == KIND_SHORT && word_sequence(seen->to.word) > freezer->newest)
        freezer->newest = word_sequence(seen->to.word);
}

static uint32_t write_long_slot(struct freezer *freezer, const struct seen *seen)
{
    const struct string_layout *from = string_of(seen);
    struct long_text *at = (struct long_text *)(void *)(freezer->longs + seen->to.offset);
    at->length = string_length(from);
    memcpy(at->text, string_text(from), at->length);
    at->text[at->length] = '\0';
    return slot_of(SLOT_LONG, (uint32_t)((size_t)((char *)at - (char *)freezer->frozen) / 8));
}

static uint32_t write_slot(struct freezer *freezer, uint32_t number)
{
    const struct pair *pair = &freezer->slots.items[number];
    if (pair->kind != KIND_SHORT && pair->kind != KIND_LONG)
        return slot_of(pair->kind == KIND_INTEGER ? SLOT_INTEGER : SLOT_VALUE, (uint32_t)pair->value);
    struct seen *seen = &freezer->seen[pair->value];
    uint32_t same = seen_as(seen, number);
    if (same != 0)
        return slot_of(SLOT_SAME, same - 1);
    if (pair->kind == KIND_LONG)
        return write_long_slot(freezer, seen);
    return slot_of(SLOT_WORD, word_number(write_string(freezer, seen)));
}

static void write_upvalue(struct freezer *freezer, uint32_t number)
{
    const struct pair *pair = &freezer->upvalue_runs.items[number];
    freezer->frozen->upvalues[number] = (struct upvalue_layout){
        .name = write_name(freezer, (uint32_t)pair->value),
        .in_stack = (uint8_t)pair->kind,
        .index = (uint8_t)(pair->kind >> 8),
        .kind = (uint8_t)(pair->kind >> 16),
    };
}

static void copy(void *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
}

static void write_proto(struct freezer *freezer, const struct plan *plan)
{
    const struct proto_layout *from = plan->from;
    struct cursor *cursor = &freezer->cursors[plan->complete];
    struct proto_layout to = *from;
    to.mark = MARK_FROZEN;
    to.source = freezer->frozen->source;
    to.code = code_place(cursor->code);
    to.lines = from->lines != NULL ? cursor->lines : NULL; /* the pointer tells that stripped code has none */
    to.absolute_lines = cursor->absolute_lines;
    to.locals = cursor->locals;
    copy(to.code, from->code, (size_t)from->code_count * sizeof *to.code);
    copy(to.lines, from->lines, (size_t)from->line_count);
    copy(to.absolute_lines, from->absolute_lines, (size_t)from->absolute_line_count * sizeof *to.absolute_lines);
    copy(to.locals, from->locals, (size_t)from->local_count * sizeof *to.locals);
    for (int i = 0; i < from->local_count; i++)
        to.locals[i].name = write_name(freezer, freezer->local_names[freezer->local_count++]);
    pass_tables(cursor, from);
    if (!plan->complete)
        return;
    to.upvalues = freezer->frozen->upvalues + plan->upvalues;
    to.constants = freezer->frozen->values + plan->constants;
    to.children = freezer->children;
    freezer->children += from->child_count;
    const struct plan *child = plan + 1;
    for (int i = 0; i < from->child_count; i++, child = &freezer->plans[child->after])
        to.children[i] = proto_number(freezer->frozen->protos, child->number);
    put_proto(proto_number(freezer->frozen->protos, plan->number), &to);
}

/* Where that of complete ones may begin. */
static size_t code_end(const struct sums *packed)
{
    return (packed->code + 1) & ~(size_t)1;
}

static void start_cursors(struct freezer *freezer)
{
    const struct frozen *frozen = freezer->frozen;
    const struct sums *packed = &freezer->sums[false];
    freezer->cursors[false] = (struct cursor){frozen->code, frozen->lines, frozen->absolute_lines, frozen->locals};
    freezer->cursors[true] =
        (struct cursor){frozen->code + code_end(packed), frozen->lines + packed->lines,
                        frozen->absolute_lines + packed->absolute_lines, frozen->locals + packed->locals};
}

/* Returns the size. */
static size_t lay_block(struct freezer *freezer, void *block)
{
    const struct sums *packed = &freezer->sums[false], *complete = &freezer->sums[true];
    struct frozen frozen = {.complete = freezer->complete}, *at = block;
    size_t used = 0;
    take(block, &used, sizeof frozen);
    frozen.proto_count = freezer->protos;
    frozen.child_count = packed->children + complete->children;
    frozen.value_count = freezer->values.count;
    frozen.slot_count = freezer->slots.count;
    frozen.upvalue_count = freezer->upvalue_runs.count;
    frozen.local_count = (uint32_t)(packed->locals + complete->locals);
    frozen.protos = take(block, &used, (size_t)complete->protos * PROTO_STRIDE);
    freezer->children = take(block, &used, complete->children * sizeof *freezer->children);
    frozen.values = take(block, &used, frozen.value_count * sizeof *frozen.values);
    frozen.upvalues = take(block, &used, frozen.upvalue_count * sizeof *frozen.upvalues);
    frozen.locals = take(block, &used, frozen.local_count * sizeof *frozen.locals);
    freezer->longs = take(block, &used, freezer->long_bytes);
    frozen.absolute_lines =
        take(block, &used, (packed->absolute_lines + complete->absolute_lines) * sizeof *frozen.absolute_lines);
    frozen.code = take(block, &used, (code_end(packed) + complete->code) * sizeof *frozen.code);
    frozen.slots = take(block, &used, frozen.slot_count * sizeof *frozen.slots);
    frozen.lines = take(block, &used, packed->lines + complete->lines);
    frozen.records = take(block, &used, (size_t)(freezer->records_end - freezer->records));
    frozen.size = used;
    if (block != NULL) {
        *at = frozen;
        freezer->frozen = at;
        start_cursors(freezer);
    }
    return used;
}

static void write_block(struct freezer *freezer)
{
    struct frozen *frozen = freezer->frozen;
    frozen->source = write_name(freezer, name_number(freezer, freezer->main->source));
    freezer->local_count = 0; /* they come again, in the same order */
    for (uint32_t i = 0; i < freezer->planned; i++)
        write_proto(freezer, &freezer->plans[i]);
    for (uint32_t i = 0; i < frozen->upvalue_count; i++)
        write_upvalue(freezer, i);
    for (uint32_t i = 0; i < frozen->value_count; i++)
        write_value(freezer, i);
    for (uint32_t i = 0; i < frozen->slot_count; i++)
        frozen->slots[i] = write_slot(freezer, i);
    memcpy((uint8_t *)(uintptr_t)frozen->records, freezer->records, (size_t)(freezer->records_end - freezer->records));
    frozen->newest = freezer->newest;
}

/* The block has its uses of words now, the plan gives up those of its own. */
static void hand_over_words(struct freezer *freezer)
{
    pthread_mutex_lock(&vocabulary.lock);
    for (uint32_t i = 0; i < freezer->seen_count; i++)
        if (freezer->seen[i].is_word) {
            word_use_more(freezer->seen[i].to.word, freezer->seen[i].uses);
            word_unuse(word_number(freezer->seen[i].to.word));
        }
    pthread_mutex_unlock(&vocabulary.lock);
}

/* What is complete may be run as it is, and then its long strings need their hashes. */
static bool hash_all(lua_State *L, struct freezer *freezer)
{
    struct hooks hooks = hooks_off(L);
    lua_pushcclosure(L, hash_longs, 0);
    lua_pushlightuserdata(L, freezer);
    bool done = protected_call(L, 1, 0, 0) == LUA_OK;
    if (!done)
        lua_pop(L, 1);
    hooks_on(L, &hooks);
    return done;
}

static bool plan_all(lua_State *L, struct freezer *freezer)
{
    name_number(freezer, freezer->main->source);
    plan_proto(freezer, freezer->main, false);
    use_words(freezer);
    return !freezer->failed && (freezer->long_bytes == 0 || !freezer->complete || hash_all(L, freezer));
}

/* `complete`: on the own runtime, in a state with its seed. NULL: no memory, or over 4 GiB; frozen_free is the end of it.
   Raises no error. */
static struct frozen *freeze(lua_State *L, const struct proto_layout *main, bool complete)
{
    struct freezer freezer = {.main = main, .complete = complete};
    count_proto(&freezer, main);
    freezer.scratch = malloc(lay_scratch(&freezer));
    if (freezer.scratch == NULL)
        return NULL;
    lay_scratch(&freezer);
    size_t size = plan_all(L, &freezer) ? lay_block(&freezer, NULL) : 0;
    void *block = size > 0 && size <= UINT32_MAX ? malloc(size) : NULL;
    if (block != NULL) {
        lay_block(&freezer, block);
        write_block(&freezer);
    }
    hand_over_words(&freezer);
    free(freezer.scratch);
    return block;
}

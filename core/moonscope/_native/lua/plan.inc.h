/* The plan of a frozen function: which prototypes are packed, where each table goes, which words are used. Nothing of it
   stays but what lua/freeze.inc.h writes by it. */
#pragma once

#include "lua/layout.inc.h"
#include "lua/vocabulary.inc.h"
#include "lua/frozen.inc.h"
#include "lua/sequence.inc.h"

/* What becomes of a string. */
struct seen {
    const void *key; /* see string_of */
    union {
        struct string_layout *word; /* a short one */
        size_t offset;              /* a long one: in the part of the block that has them */
    } to;
    uint32_t uses;     /* of the word, in the block */
    uint32_t constant; /* 1 + number of the first constant that is this string */
    uint32_t hash;     /* of a long one, if it is needed */
    bool is_word, written;
};

struct plan {
    const struct proto_layout *from;
    bool complete;
    uint32_t number; /* among the complete ones */
    uint32_t after;  /* all that is below it */
    uint32_t constants, upvalues;
};

struct sums {
    uint32_t protos, children;
    size_t code, lines, absolute_lines, locals;
};

struct freezer {
    const struct proto_layout *main;
    bool complete, failed;
    uint64_t newest;
    uint32_t protos, constants, upvalues, locals; /* of the whole tree */
    uint32_t planned;
    void *scratch; /* all that follows lies there */
    struct seen *seen;
    uint32_t *seen_index; /* by hash of the key: 1 + number in `seen`; 0: none */
    uint32_t seen_count, seen_mask;
    uint32_t *local_names; /* of all local variables as they are planned; numbers as name_number gives them */
    uint32_t local_count;
    size_t long_bytes;
    struct plan *plans; /* parents before children */
    struct sequence values, slots, upvalue_runs;
    uint8_t *records, *records_end;
    struct sums sums[2]; /* of packed and of complete ones */
    /* The block, and what was taken of it: */
    struct frozen *frozen;
    size_t used;
    char *longs;
    struct cursor cursors[2];         /* as `sums` */
    struct proto_layout **children;   /* of the next complete one */
};

/* What may be there in two forms has two keys: a long string as a name, and as a constant of a packed prototype. */
static const void *name_key(const struct string_layout *string)
{
    return (const char *)string + is_long(string);
}

static const void *constant_key(const struct string_layout *string)
{
    return (const char *)string + 2 * is_long(string);
}

static bool is_long_constant(const struct seen *seen)
{
    return (uintptr_t)seen->key % 8 == 2;
}

static const struct string_layout *string_of(const struct seen *seen)
{
    return (const struct string_layout *)((uintptr_t)seen->key & ~(uintptr_t)7);
}

/* The number in `seen`; entered, when it is new. */
static uint32_t look_up(struct freezer *freezer, const void *key)
{
    size_t at = ((uintptr_t)key >> 4) * 0x9E3779B97F4A7C15u >> 32 & freezer->seen_mask;
    while (freezer->seen_index[at] != 0) {
        uint32_t number = freezer->seen_index[at] - 1;
        if (freezer->seen[number].key == key)
            return number;
        at = (at + 1) & freezer->seen_mask;
    }
    freezer->seen[freezer->seen_count] = (struct seen){.key = key};
    freezer->seen_index[at] = freezer->seen_count + 1;
    return freezer->seen_count++;
}

/* Returns the number in `seen`. */
static uint32_t plan_string(struct freezer *freezer, const struct string_layout *string, const void *key,
                            size_t long_header)
{
    uint32_t known = freezer->seen_count, number = look_up(freezer, key);
    if (number == known && is_long(string)) {
        freezer->seen[number].to.offset = freezer->long_bytes;
        freezer->long_bytes += (long_header + string_length(string) + 1 + 7) & ~(size_t)7;
    }
    return number;
}

/* 1 + the number in `seen`; 0: it has no name. */
static uint32_t name_number(struct freezer *freezer, const struct string_layout *name)
{
    return name != NULL ? 1 + plan_string(freezer, name, name_key(name), LONG_HEADER) : 0;
}

static bool is_string(const struct value_layout *value)
{
    return value->kind == KIND_SHORT || value->kind == KIND_LONG;
}

/* Of a string, its number in `seen`. Of nil and booleans the kind says all. */
static struct pair plan_value(struct freezer *freezer, const struct value_layout *value)
{
    if (is_string(value)) {
        size_t header = freezer->complete ? (size_t)LONG_HEADER : offsetof(struct long_text, text);
        const struct string_layout *string = value->value.object;
        return (struct pair){plan_string(freezer, string, constant_key(string), header), value->kind};
    }
    bool plain = (value->kind & 0x0F) <= 1;
    return (struct pair){plain ? 0 : value->value.bits, value->kind};
}

static bool fits_slot(const struct value_layout *value)
{
    return value->kind == KIND_INTEGER && value->value.bits <= SLOT_INTEGER_MAX;
}

enum { KIND_ELSEWHERE = 0x100 }; /* a pair among the slots: the number of one among the values */

static uint32_t plan_constants(struct freezer *freezer, const struct proto_layout *from, bool complete)
{
    struct sequence *sequence = complete ? &freezer->values : &freezer->slots;
    struct pair *run = sequence_end(sequence);
    for (int i = 0; i < from->constant_count; i++) {
        const struct value_layout *value = &from->constants[i];
        run[i] = plan_value(freezer, value);
        if (!complete && !is_string(value) && !fits_slot(value)) {
            *sequence_end(&freezer->values) = run[i];
            run[i] = (struct pair){settle(&freezer->values, 1), KIND_ELSEWHERE};
        }
    }
    return settle(sequence, (uint32_t)from->constant_count);
}

static uint32_t plan_upvalues(struct freezer *freezer, const struct proto_layout *from)
{
    struct pair *run = sequence_end(&freezer->upvalue_runs);
    for (int i = 0; i < from->upvalue_count; i++) {
        const struct upvalue_layout *upvalue = &from->upvalues[i];
        run[i].value = name_number(freezer, upvalue->name);
        run[i].kind = (uint64_t)upvalue->in_stack | (uint64_t)upvalue->index << 8 | (uint64_t)upvalue->kind << 16;
    }
    return settle(&freezer->upvalue_runs, (uint32_t)from->upvalue_count);
}

static bool has_strings(const struct proto_layout *proto)
{
    for (int i = 0; i < proto->constant_count; i++)
        if (is_string(&proto->constants[i]))
            return true;
    for (int i = 0; i < proto->child_count; i++)
        if (has_strings(proto->children[i]))
            return true;
    return false;
}

/* `inside` a complete one. Recursion is bounded by the compiler's own limit on nesting. */
static void plan_proto(struct freezer *freezer, const struct proto_layout *from, bool inside)
{
    struct plan *plan = &freezer->plans[freezer->planned++];
    plan->from = from;
    plan->complete = inside || freezer->complete || !has_strings(from);
    struct sums *sums = &freezer->sums[plan->complete];
    plan->number = sums->protos++;
    freezer->failed = freezer->failed || from->source != freezer->main->source;
    for (int i = 0; i < from->local_count; i++)
        freezer->local_names[freezer->local_count++] = name_number(freezer, from->locals[i].name);
    plan->upvalues = plan_upvalues(freezer, from);
    plan->constants = plan_constants(freezer, from, plan->complete);
    sums->children += (uint32_t)from->child_count;
    sums->code = code_place_number(sums->code) + (size_t)from->code_count;
    sums->lines += (size_t)from->line_count;
    sums->absolute_lines += (size_t)from->absolute_line_count;
    sums->locals += (size_t)from->local_count;
    if (!inside && !freezer->complete)
        freezer->records_end = put_number(freezer->records_end, plan->complete ? plan->number + 1 : 0);
    if (!plan->complete)
        freezer->records_end = put_record(freezer->records_end, from, plan->constants, plan->upvalues);
    for (int i = 0; i < from->child_count; i++)
        plan_proto(freezer, from->children[i], plan->complete);
    plan->after = freezer->planned;
}

enum { PLACES_AHEAD = 8 };

/* The vocabulary is large and lies about in memory: have the places fetched where the next words are while one is looked
   for. */
static void use_words(struct freezer *freezer)
{
    struct seen *seen = freezer->seen, *end = seen + freezer->seen_count;
    for (struct seen *word = seen; word < end; word++)
        if (!is_long(string_of(word)))
            word->hash = word_hash(string_of(word));
    pthread_mutex_lock(&vocabulary.lock);
    for (; seen < end; seen++) {
        if (end - seen > PLACES_AHEAD)
            fetch_place(seen[PLACES_AHEAD].hash);
        if (is_long(string_of(seen)))
            continue;
        seen->to.word = vocabulary_use(string_of(seen), seen->hash);
        seen->is_word = seen->to.word != NULL;
        freezer->failed = freezer->failed || !seen->is_word;
    }
    pthread_mutex_unlock(&vocabulary.lock);
}

static void count_proto(struct freezer *freezer, const struct proto_layout *proto)
{
    freezer->protos++;
    freezer->constants += (uint32_t)proto->constant_count;
    freezer->upvalues += (uint32_t)proto->upvalue_count;
    freezer->locals += (uint32_t)proto->local_count;
    for (int i = 0; i < proto->child_count; i++)
        count_proto(freezer, proto->children[i]);
}

/* The next part of a block; `*used` counts on also while there is no block yet. */
static void *take(void *block, size_t *used, size_t size)
{
    void *at = block != NULL ? (char *)block + *used : NULL;
    *used += (size + 7) & ~(size_t)7;
    return at;
}

static size_t power_of_two(size_t least)
{
    size_t size = 64;
    while (size < least)
        size *= 2;
    return size;
}

static void lay_sequence(struct sequence *sequence, void *block, size_t *used, size_t length)
{
    size_t hashes = power_of_two(length);
    sequence->items = take(block, used, length * sizeof *sequence->items);
    sequence->previous = take(block, used, length * sizeof *sequence->previous);
    sequence->last = take(block, used, hashes * sizeof *sequence->last);
    sequence->mask = (uint32_t)hashes - 1;
    if (block != NULL)
        memset(sequence->last, 0, hashes * sizeof *sequence->last);
}

/* Returns the size. */
static size_t lay_scratch(struct freezer *freezer)
{
    size_t used = 0;
    size_t strings = (size_t)freezer->constants + freezer->upvalues + freezer->locals + 1, hashes = power_of_two(strings * 2);
    freezer->seen = take(freezer->scratch, &used, strings * sizeof *freezer->seen);
    freezer->seen_index = take(freezer->scratch, &used, hashes * sizeof *freezer->seen_index);
    freezer->seen_mask = (uint32_t)hashes - 1;
    if (freezer->scratch != NULL)
        memset(freezer->seen_index, 0, hashes * sizeof *freezer->seen_index);
    freezer->local_names = take(freezer->scratch, &used, freezer->locals * sizeof *freezer->local_names);
    freezer->plans = take(freezer->scratch, &used, freezer->protos * sizeof *freezer->plans);
    lay_sequence(&freezer->values, freezer->scratch, &used, freezer->constants);
    lay_sequence(&freezer->slots, freezer->scratch, &used, freezer->constants);
    lay_sequence(&freezer->upvalue_runs, freezer->scratch, &used, freezer->upvalues);
    freezer->records = take(freezer->scratch, &used, (size_t)freezer->protos * RECORD_MAX);
    freezer->records_end = freezer->records;
    return used;
}

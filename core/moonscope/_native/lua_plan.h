/* The plan of a frozen function: which prototypes are packed, where each table goes, which words are used. Nothing of it
   stays but what lua_freeze.h writes by it. */

/* What becomes of a string. */
struct seen {
    const void *from;
    union {
        struct string_layout *word; /* a short one */
        size_t offset;              /* a long one: in the part of the block that has them */
    } to;
    uint32_t uses;     /* of the word, in the block */
    uint32_t constant; /* 1 + number of the first constant that is this long string */
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
    uint32_t *seen_index; /* by hash of the address: 1 + number in `seen`; 0: none */
    uint32_t seen_count, seen_mask;
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

/* Keys of what may be there in two forms: a long string as a name, and as a constant of a packed prototype. */
static const void *name_key(const struct string_layout *string)
{
    return (const char *)string + is_long(string);
}

static const void *constant_key(const struct string_layout *string)
{
    return (const char *)string + 2 * is_long(string);
}

/* Entered, when it is new. */
static struct seen *look_up(struct freezer *freezer, const void *from)
{
    size_t at = ((uintptr_t)from >> 4) * 0x9E3779B97F4A7C15u >> 32 & freezer->seen_mask;
    while (freezer->seen_index[at] != 0) {
        struct seen *seen = &freezer->seen[freezer->seen_index[at] - 1];
        if (seen->from == from)
            return seen;
        at = (at + 1) & freezer->seen_mask;
    }
    struct seen *seen = &freezer->seen[freezer->seen_count++];
    freezer->seen_index[at] = freezer->seen_count;
    *seen = (struct seen){.from = from};
    return seen;
}

/* With the vocabulary locked. */
static void plan_string(struct freezer *freezer, const struct string_layout *string, const void *key, size_t long_header)
{
    uint32_t known = freezer->seen_count;
    struct seen *seen = look_up(freezer, key);
    if (known == freezer->seen_count)
        return;
    if (is_long(string)) {
        seen->to.offset = freezer->long_bytes;
        freezer->long_bytes += (long_header + string_length(string) + 1 + 7) & ~(size_t)7;
    } else {
        seen->to.word = vocabulary_use(string);
        seen->is_word = seen->to.word != NULL;
        freezer->failed = freezer->failed || !seen->is_word;
    }
}

static void plan_name(struct freezer *freezer, const struct string_layout *name)
{
    if (name != NULL)
        plan_string(freezer, name, name_key(name), LONG_HEADER);
}

static bool is_string(const struct value_layout *value)
{
    return value->kind == KIND_SHORT || value->kind == KIND_LONG;
}

/* Of nil and booleans the kind says all. */
static struct pair pair_of(const struct value_layout *value)
{
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
        run[i] = pair_of(value);
        if (is_string(value)) {
            size_t header = freezer->complete ? (size_t)LONG_HEADER : offsetof(struct long_text, text);
            plan_string(freezer, value->value.object, constant_key(value->value.object), header);
        } else if (!complete && !fits_slot(value)) {
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
        plan_name(freezer, upvalue->name);
        run[i].value = (uintptr_t)upvalue->name;
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
        plan_name(freezer, from->locals[i].name);
    plan->upvalues = plan_upvalues(freezer, from);
    plan->constants = plan_constants(freezer, from, plan->complete);
    sums->children += (uint32_t)from->child_count;
    sums->code += (size_t)from->code_count;
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
    freezer->plans = take(freezer->scratch, &used, freezer->protos * sizeof *freezer->plans);
    lay_sequence(&freezer->values, freezer->scratch, &used, freezer->constants);
    lay_sequence(&freezer->slots, freezer->scratch, &used, freezer->constants);
    lay_sequence(&freezer->upvalue_runs, freezer->scratch, &used, freezer->upvalues);
    freezer->records = take(freezer->scratch, &used, (size_t)freezer->protos * RECORD_MAX);
    freezer->records_end = freezer->records;
    return used;
}

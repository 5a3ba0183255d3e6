/* Freezing: a copy of a function's prototype tree in one block of process-owned, immutable memory. What every VM can
   share as it is (code, line tables, names) is laid out as Lua wants it. Constants are too, when every VM is known to
   intern the very strings that are frozen here (tier direct); on a stock Lua, where short strings are compared by
   address and every VM has its own, they are kept in a form from which a VM makes its own (tier graft). */

/* 16 bytes, and a value_layout at the same time: Lua never looks at the padding of a value. */
struct frozen_constant {
    union {
        uint64_t bits;                /* numbers, booleans */
        const char *text;             /* strings, graft: in the block */
        struct string_layout *string; /* strings, direct: in the vocabulary, or (long ones) in the block */
    } value;
    uint8_t kind;
    uint32_t length; /* strings, graft: bytes. Direct: 0, or 1 + the number of the constant it is the same object as */
};

_Static_assert(sizeof(struct frozen_constant) == 16 &&
                   offsetof(struct frozen_constant, kind) == offsetof(struct value_layout, kind), "TValue");

enum { KIND_REPEATED = 0xFF }; /* graft: a long string seen before; `length` is the number of that constant */

struct frozen_proto {
    struct proto_layout proto; /* direct: complete; graft: but for `constants` and `children` */
    uint32_t first_constant;
    struct frozen_proto **children; /* direct: also what proto.children points at */
};

/* The payload: this, and behind it everything it points at. */
struct frozen {
    uint32_t proto_count, constant_count, child_count;
    bool direct;
    uint64_t newest; /* direct: number of the newest string of the vocabulary in it */
    size_t size;
    struct frozen_constant *constants;
    struct frozen_proto protos[]; /* parents before children; 0 is the main function */
};

/* Address → what was made of it, while freezing. */
struct seen {
    const void *from;
    union {
        struct string_layout *string;
        uint32_t constant;
    } to;
};

/* With `block == NULL` nothing is written: the same steps only add up the size. */
struct freezer {
    lua_State *L; /* direct: computes hashes; may raise */
    char *block;
    bool direct, failed;
    uint64_t newest;
    size_t used, name_count;
    uint32_t protos, constants, children;
    struct frozen *frozen;
    struct seen *seen;
    size_t seen_mask;
};

static void *take(struct freezer *freezer, size_t size)
{
    char *at = freezer->block != NULL ? freezer->block + freezer->used : NULL;
    freezer->used += (size + 7) & ~(size_t)7;
    return at;
}

/* NULL of NULL: that stripped code has no lines is told by the pointer. */
static void *take_copy(struct freezer *freezer, const void *from, size_t size)
{
    if (from == NULL)
        return NULL;
    void *at = take(freezer, size);
    if (at != NULL && size > 0)
        memcpy(at, from, size);
    return at;
}

static struct seen *look_up(struct freezer *freezer, const void *from, bool *fresh)
{
    size_t at = ((uintptr_t)from >> 4) * 0x9E3779B97F4A7C15u >> 20 & freezer->seen_mask;
    while (freezer->seen[at].from != NULL && freezer->seen[at].from != from)
        at = (at + 1) & freezer->seen_mask;
    *fresh = freezer->seen[at].from == NULL;
    freezer->seen[at].from = from;
    return &freezer->seen[at];
}

/* A name in debug information. A long string's hash is otherwise computed, and stored, when first needed: mark it as
   known, so that no VM ever writes here. */
static struct string_layout *freeze_name(struct freezer *freezer, const struct string_layout *name)
{
    bool fresh;
    if (name == NULL)
        return NULL;
    /* Keyed one byte off: the same string may also be a constant. */
    struct seen *seen = look_up(freezer, (const char *)name + 1, &fresh);
    if (!fresh)
        return seen->to.string;
    size_t header = is_long(name) ? LONG_HEADER : offsetof(struct string_layout, text), length = string_length(name);
    struct string_layout *copy = take(freezer, header + length + 1);
    if (copy != NULL) {
        char *text = (char *)copy + header;
        memcpy(copy, name, offsetof(struct string_layout, text));
        memcpy(text, string_text(name), length);
        text[length] = '\0';
        copy->next = NULL;
        copy->mark = MARK_FROZEN;
        if (is_long(name)) {
            copy->extra = 1;
#if LUA_VERSION_NUM == 505
            memcpy(copy->text, &text, sizeof text);
#endif
        } else {
            copy->long_length = 0; /* no chain */
        }
    }
    seen->to.string = copy;
    return copy;
}

/* The hash that every state of this runtime finds for a long string, which is only computed when it is a table key. */
static uint32_t long_hash(lua_State *L, const struct string_layout *string)
{
    int top = lua_gettop(L);
    lua_createtable(L, 0, 0);
    lua_pushlstring(L, string_text(string), string_length(string));
    lua_pushvalue(L, -1);
    lua_rawget(L, top + 1);
    const char *text = lua_tolstring(L, top + 2, NULL);
    const struct string_layout *hashed = (const struct string_layout *)(const void *)(text - LONG_HEADER);
    uint32_t hash = hashed->hash;
    lua_settop(L, top);
    return hash;
}

/* Tier direct: the string itself. `repeated`: a long one that was met before. */
static void freeze_string_constant(struct freezer *freezer, const struct string_layout *string,
                                   struct frozen_constant *constant, const struct seen *repeated)
{
    if (repeated != NULL) {
        if (freezer->block != NULL)
            constant->value.string = freezer->frozen->constants[repeated->to.constant].value.string;
        constant->length = repeated->to.constant + 1;
    } else if (is_long(string)) {
        constant->value.string = freeze_name(freezer, string);
        if (freezer->block != NULL)
            constant->value.string->hash = long_hash(freezer->L, string);
    } else if (freezer->block != NULL) {
        constant->value.string = vocabulary_add(string);
        if (constant->value.string == NULL)
            freezer->failed = true;
        else if (vocabulary_number(constant->value.string) > freezer->newest)
            freezer->newest = vocabulary_number(constant->value.string);
    }
}

static void freeze_constant(struct freezer *freezer, const struct value_layout *value, uint32_t number)
{
    struct frozen_constant constant = {.value.bits = value->value.bits, .length = 0, .kind = value->kind};
    if (value->kind == KIND_SHORT || value->kind == KIND_LONG) {
        const struct string_layout *string = value->value.object;
        bool fresh = true;
        struct seen *seen = value->kind == KIND_LONG ? look_up(freezer, string, &fresh) : NULL;
        if (seen != NULL && fresh)
            seen->to.constant = number;
        if (freezer->direct) {
            freeze_string_constant(freezer, string, &constant, fresh ? NULL : seen);
        } else if (!fresh) {
            constant.kind = KIND_REPEATED;
            constant.length = seen->to.constant;
        } else {
            constant.length = (uint32_t)string_length(string);
            constant.value.text = take_copy(freezer, string_text(string), string_length(string));
        }
    }
    if (freezer->block != NULL)
        freezer->frozen->constants[number] = constant;
}

static void freeze_names(struct freezer *freezer, const struct proto_layout *from, struct proto_layout *to)
{
    to->source = freeze_name(freezer, from->source);
    for (int i = 0; i < from->upvalue_count; i++) {
        struct string_layout *name = freeze_name(freezer, from->upvalues[i].name);
        if (freezer->block != NULL)
            to->upvalues[i].name = name;
    }
    for (int i = 0; i < from->local_count; i++) {
        struct string_layout *name = freeze_name(freezer, from->locals[i].name);
        if (freezer->block != NULL)
            to->locals[i].name = name;
    }
}

/* Returns the prototype's number. Recursion is bounded by the compiler's own limit on nesting. */
static uint32_t freeze_proto(struct freezer *freezer, const struct proto_layout *from)
{
    uint32_t number = freezer->protos++, first = freezer->constants;
    struct frozen_proto record = {.proto = *from, .first_constant = first};
    struct proto_layout *to = &record.proto;
    to->next = to->gray = NULL;
    to->mark = MARK_FROZEN;
    to->constants = NULL;
    to->children = NULL;
    to->code = take_copy(freezer, from->code, (size_t)from->code_count * sizeof *from->code);
    to->lines = take_copy(freezer, from->lines, (size_t)from->line_count);
    to->absolute_lines =
        take_copy(freezer, from->absolute_lines, (size_t)from->absolute_line_count * sizeof *from->absolute_lines);
    to->upvalues = take_copy(freezer, from->upvalues, (size_t)from->upvalue_count * sizeof *from->upvalues);
    to->locals = take_copy(freezer, from->locals, (size_t)from->local_count * sizeof *from->locals);
    record.children = take(freezer, (size_t)from->child_count * sizeof *record.children);
    if (freezer->direct && freezer->block != NULL) {
        to->constants = (struct value_layout *)(freezer->frozen->constants + first);
        to->children = (struct proto_layout **)record.children;
    }
    freeze_names(freezer, from, to);
    freezer->constants += (uint32_t)from->constant_count;
    freezer->children += (uint32_t)from->child_count;
    for (int i = 0; i < from->constant_count; i++)
        freeze_constant(freezer, &from->constants[i], first + (uint32_t)i);
    for (int i = 0; i < from->child_count; i++) {
        uint32_t child = freeze_proto(freezer, from->children[i]);
        if (freezer->block != NULL)
            record.children[i] = &freezer->frozen->protos[child];
    }
    if (freezer->block != NULL)
        freezer->frozen->protos[number] = record;
    return number;
}

static void count_proto(struct freezer *freezer, const struct proto_layout *proto)
{
    freezer->protos++;
    freezer->constants += (uint32_t)proto->constant_count;
    freezer->name_count += 1 + (size_t)proto->upvalue_count + (size_t)proto->local_count;
    for (int i = 0; i < proto->child_count; i++)
        count_proto(freezer, proto->children[i]);
}

static void start_pass(struct freezer *freezer, const struct freezer *counted)
{
    memset(freezer->seen, 0, (freezer->seen_mask + 1) * sizeof *freezer->seen);
    freezer->protos = freezer->constants = freezer->children = 0;
    freezer->used = 0;
    freezer->frozen = take(freezer, sizeof *freezer->frozen + counted->protos * sizeof freezer->frozen->protos[0]);
    struct frozen_constant *constants = take(freezer, counted->constants * sizeof *constants);
    if (freezer->block != NULL)
        freezer->frozen->constants = constants;
}

/* NULL: no memory, or more constants than one userdata can hold. The caller frees it. */
static struct frozen *freeze(lua_State *L, const struct proto_layout *main, bool direct)
{
    struct freezer counted = {0}, freezer = {.L = L, .direct = direct};
    count_proto(&counted, main);
    if (counted.constants > USER_VALUES_MAX)
        return NULL;
    size_t entries = 64;
    while (entries < 2 * (counted.name_count + counted.constants))
        entries *= 2;
    freezer.seen = malloc(entries * sizeof *freezer.seen);
    if (freezer.seen == NULL)
        return NULL;
    freezer.seen_mask = entries - 1;
    start_pass(&freezer, &counted);
    freeze_proto(&freezer, main);
    freezer.block = malloc(freezer.used);
    if (freezer.block != NULL) {
        start_pass(&freezer, &counted);
        freeze_proto(&freezer, main);
        freezer.frozen->proto_count = freezer.protos;
        freezer.frozen->constant_count = freezer.constants;
        freezer.frozen->child_count = freezer.children;
        freezer.frozen->direct = direct;
        freezer.frozen->newest = freezer.newest;
        freezer.frozen->size = freezer.used;
    }
    free(freezer.seen);
    if (freezer.failed) {
        free(freezer.block);
        return NULL;
    }
    return freezer.frozen;
}

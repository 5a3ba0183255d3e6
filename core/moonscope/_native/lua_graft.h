/* Tier `graft`, on stock Lua 5.4 and 5.5: a VM's closures run frozen code, line tables and names; its own are only the
   constants and the prototype headers that point at them. They live in one userdata per (VM, generation), anchored for
   the VM's life: its user values are the constants (a user value is a value, so a prototype's constant
   array can point at them, and the VM's collector sees and counts them), its block the headers. So a file with more
   constants than a userdata has user values cannot be grafted. */

/* What is under way in build_graft. */
struct graft {
    lua_State *L;
    const struct frozen *frozen;
    struct value_layout *values; /* user values of the userdata at 2 */
    void *protos;
    uint32_t made; /* of the prototypes */
    struct proto_layout **children; /* of the next one */
    const uint8_t *record;
    struct cursor cursor; /* at its tables */
};

static void push_long(lua_State *L, const char *text, size_t length)
{
#if LUA_VERSION_NUM == 505
    lua_pushexternalstring(L, text, length, NULL, NULL); /* the VM pins the generation, so the text outlives the string */
#else
    lua_pushlstring(L, text, length);
#endif
}

/* Of what collectors need not know. */
static void put_plain(struct value_layout *value, uint64_t bits, uint8_t kind)
{
    value->value.bits = bits;
    value->kind = kind;
}

/* A string that another constant is already. The userdata has it, so its collector has nothing to learn. */
static void put_same(const struct graft *graft, uint32_t number, uint32_t same)
{
    put_plain(&graft->values[number], graft->values[same].value.bits, graft->values[same].kind);
}

static void put_slot(const struct graft *graft, uint32_t number)
{
    lua_State *L = graft->L;
    uint32_t slot = graft->frozen->slots[number], what = slot >> SLOT_TAG_BITS;
    switch (slot % (1 << SLOT_TAG_BITS)) {
    case SLOT_INTEGER:
        put_plain(&graft->values[number], what, KIND_INTEGER);
        return;
    case SLOT_VALUE:
        put_plain(&graft->values[number], graft->frozen->values[what].value.bits, graft->frozen->values[what].kind);
        return;
    case SLOT_WORD:
        lua_pushlstring(L, word_of(what)->text, word_of(what)->length);
        break;
    case SLOT_LONG: {
        const struct long_text *text = (const struct long_text *)((const uint64_t *)graft->frozen + what);
        push_long(L, text->text, text->length);
        break;
    }
    default: /* SLOT_SAME */
        put_same(graft, number, what);
        return;
    }
    lua_setiuservalue(L, 2, (int)number + 1);
}

/* On the own runtime: a VM that had words of its own before they were frozen needs its own of all. */
static void put_value(const struct graft *graft, uint32_t number)
{
    lua_State *L = graft->L;
    struct value_layout *from = &graft->frozen->values[number];
    if (!is_string(from)) {
        put_plain(&graft->values[number], from->value.bits, from->kind);
        return;
    }
    if (*value_same(from) > 0) {
        put_same(graft, number, *value_same(from) - 1);
        return;
    }
    if (from->kind == KIND_LONG)
        push_long(L, string_text(from->value.object), string_length(from->value.object));
    else
        lua_pushlstring(L, string_text(from->value.object), string_length(from->value.object));
    lua_setiuservalue(L, 2, (int)number + 1);
}

enum { FETCH_AHEAD = 12 };

/* The words lie about in memory: have the next ones fetched while Lua is busy with one. */
static void fetch_word(const struct frozen *frozen, uint32_t number)
{
    if (number < frozen->slot_count && frozen->slots[number] % (1 << SLOT_TAG_BITS) == SLOT_WORD)
        __builtin_prefetch(&word_of(frozen->slots[number] >> SLOT_TAG_BITS)->length);
}

static void put_slots(const struct graft *graft)
{
    for (uint32_t i = 0; i < FETCH_AHEAD; i++)
        fetch_word(graft->frozen, i);
    for (uint32_t i = 0; i < graft->frozen->slot_count; i++) {
        fetch_word(graft->frozen, i + FETCH_AHEAD);
        put_slot(graft, i);
    }
}

static struct proto_layout **take_children(struct graft *graft, const struct proto_layout *proto)
{
    struct proto_layout **children = graft->children;
    graft->children += proto->child_count;
    return children;
}

/* Makes this VM's part of the packed prototype that is next, with what is below. */
static struct proto_layout *unpack(struct graft *graft)
{
    const struct frozen *frozen = graft->frozen;
    struct proto_layout *at = proto_number(graft->protos, graft->made), proto = {.kind = KIND_PROTO, .mark = MARK_FROZEN};
    uint32_t complete = get_number(&graft->record);
    if (complete > 0)
        return proto_number(frozen->protos, complete - 1);
    graft->made++;
    get_record(&graft->record, &proto, frozen, graft->values);
    proto.code = graft->cursor.code;
    proto.lines = proto.line_count > 0 ? graft->cursor.lines : NULL; /* the pointer tells that stripped code has none */
    proto.absolute_lines = graft->cursor.absolute_lines;
    proto.locals = graft->cursor.locals;
    proto.source = frozen->source;
    proto.children = take_children(graft, &proto);
    pass_tables(&graft->cursor, &proto);
    for (int i = 0; i < proto.child_count; i++)
        proto.children[i] = unpack(graft);
    put_proto(at, &proto);
    return at;
}

/* The same of a complete one. */
static struct proto_layout *copy_complete(struct graft *graft, const struct proto_layout *from)
{
    struct proto_layout *at = proto_number(graft->protos, graft->made++), proto = *from;
    proto.constants = graft->values + (from->constants - graft->frozen->values);
    proto.children = take_children(graft, from);
    for (int i = 0; i < from->child_count; i++)
        proto.children[i] = copy_complete(graft, from->children[i]);
    put_proto(at, &proto);
    return at;
}

/* The userdata at 2 lives as long as the VM: the registry has the newest, each has the one before as its last user value. */
static void anchor_graft(lua_State *L, int last)
{
    lua_pushlightuserdata(L, (void *)&graft_key);
    lua_pushlightuserdata(L, (void *)&graft_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_setiuservalue(L, 2, last);
    lua_pushvalue(L, 2);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

static uint32_t graft_constants(const struct frozen *frozen)
{
    return frozen->complete ? frozen->value_count : frozen->slot_count;
}

/* One user value more is needed, see anchor_graft. */
static bool can_graft(const struct frozen *frozen)
{
    return graft_constants(frozen) < USER_VALUES_MAX;
}

/* Argument: the frozen tree. Anchors the userdata and returns the main prototype. Raises when there is no memory, so it is
   called protected; a half-made userdata is only garbage then. */
static int build_graft(lua_State *L)
{
    const struct frozen *frozen = lua_touserdata(L, 1);
    uint32_t constants = graft_constants(frozen);
    size_t children = frozen->graft_children * sizeof(void *);
    char *block = lua_newuserdatauv(L, children + (size_t)frozen->graft_protos * PROTO_STRIDE, (int)constants + 1);
    struct graft graft = {
        .L = L,
        .frozen = frozen,
        .values = user_values(block, (int)constants + 1),
        .protos = block + children,
        .children = (struct proto_layout **)(void *)block,
        .record = frozen->records,
        .cursor = {frozen->code, frozen->lines, frozen->absolute_lines, frozen->locals},
    };
    for (uint32_t i = 0; frozen->complete && i < frozen->value_count; i++)
        put_value(&graft, i);
    put_slots(&graft);
    struct proto_layout *main = frozen->complete ? copy_complete(&graft, main_proto(frozen)) : unpack(&graft);
    anchor_graft(L, (int)constants + 1);
    lua_pushlightuserdata(L, main);
    return 1;
}

/* What cannot be grafted: as build_graft, but by a dump, of a closure that never runs in this VM. All is its own then. */
static int build_copy(lua_State *L)
{
    struct frozen *frozen = lua_touserdata(L, 1);
    struct payload dump = {0};
    lua_newuserdatauv(L, 0, 2);
    if (push_closure(L, main_proto(frozen)) != LUA_OK)
        return lua_error(L);
    if (!bytecode_store(L, &dump))
        return luaL_error(L, "not enough memory");
    int status = bytecode_push(L, NULL, NULL, &dump, string_text(frozen->source));
    bytecode_release(&dump);
    if (status != LUA_OK)
        return lua_error(L);
    struct proto_layout *main = ((const struct closure_layout *)lua_topointer(L, -1))->proto;
    lua_setiuservalue(L, 2, 1);
    anchor_graft(L, 2);
    lua_pushlightuserdata(L, main);
    return 1;
}

static void *own_prototype(struct hold *hold)
{
    return atomic_load_explicit(&hold->own, memory_order_relaxed);
}

/* Builds this VM's part; its main prototype is kept in the hold. */
static int make_graft(lua_State *L, struct hold *hold, const struct payload *payload)
{
    lua_pushcclosure(L, can_graft(payload->data) ? build_graft : build_copy, 0);
    lua_pushlightuserdata(L, payload->data);
    int status = protected_call(L, 1, 1, 0);
    if (status == LUA_OK) {
        atomic_store_explicit(&hold->own, lua_touserdata(L, -1), memory_order_relaxed);
        lua_pop(L, 1);
    }
    return status;
}

static int graft_push(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload,
                      const char *chunkname)
{
    (void)vm;
    (void)chunkname; /* the frozen source tells it */
    lua_State *quiet = quiet_state(L);
    if (quiet == NULL)
        return LUA_ERRMEM;
    int status = own_prototype(hold) == NULL ? make_graft(quiet, hold, payload) : LUA_OK;
    if (status == LUA_OK)
        status = push_closure(quiet, own_prototype(hold));
    to_state(L, quiet);
    return status;
}

static bool graft_store(lua_State *L, struct payload *payload)
{
    const struct closure_layout *closure = lua_topointer(L, -1);
    if (closure->upvalue_count != 1)
        return false;
    struct frozen *frozen = freeze(L, closure->proto, vocabulary.runtime != NULL);
    if (frozen != NULL && !can_graft(frozen)) {
        frozen_free(frozen);
        return false;
    }
    payload->data = frozen;
    payload->size = frozen != NULL ? frozen->size : 0;
    payload->prototypes = frozen != NULL ? frozen->proto_count : 0;
    return frozen != NULL;
}

static void graft_release(struct payload *payload)
{
    frozen_free(payload->data);
    payload->data = NULL;
}

static const struct tier graft = {
    .name = "graft",
    .pins = true,
    .words = true,
    .donor = true,
    .store = graft_store,
    .warm = warm_factory,
    .push = graft_push,
    .release = graft_release,
};

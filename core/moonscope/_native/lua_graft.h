/* Tier `graft`, on stock Lua 5.4 and 5.5: a VM's closures run frozen code, line tables and names; its own are only the
   constants and the prototype headers that point at them. They live in one userdata per (VM, generation), anchored in
   the registry for the VM's life: its user values are the constants (a user value is a value, so a prototype's constant
   array can point at them, and the VM's collector sees and counts them), its block the headers. */

static void put_constant(lua_State *L, int userdata, struct value_layout *values, const struct frozen *frozen, uint32_t i)
{
    const struct frozen_constant *constant = &frozen->constants[i];
    bool string = constant->kind == KIND_SHORT || constant->kind == KIND_LONG;
    if (constant->kind == KIND_REPEATED)
        lua_getiuservalue(L, userdata, (int)constant->length + 1);
    else if (string && frozen->direct && constant->length > 0)
        lua_getiuservalue(L, userdata, (int)constant->length);
    else if (string && frozen->direct)
        lua_pushlstring(L, string_text(constant->value.string), string_length(constant->value.string));
    else if (string)
        lua_pushlstring(L, constant->value.text, constant->length);
    else { /* not collectable: no collector needs to know */
        values[i].value.bits = constant->value.bits;
        values[i].kind = constant->kind;
        return;
    }
    lua_setiuservalue(L, userdata, (int)i + 1);
}

/* Argument: the frozen tree. Leaves the userdata in the registry under its address and returns the main prototype.
   Raises when there is no memory, so it is called protected; a half-made userdata is only garbage then. */
static int build_graft(lua_State *L)
{
    const struct frozen *frozen = lua_touserdata(L, 1);
    size_t size = frozen->proto_count * sizeof(struct proto_layout) + frozen->child_count * sizeof(void *);
    struct proto_layout *protos = lua_newuserdatauv(L, size, (int)frozen->constant_count);
    struct value_layout *values = user_values(protos, (int)frozen->constant_count);
    struct proto_layout **children = (struct proto_layout **)(protos + frozen->proto_count);
    for (uint32_t i = 0; i < frozen->constant_count; i++)
        put_constant(L, 2, values, frozen, i);
    for (uint32_t i = 0; i < frozen->proto_count; i++) {
        const struct frozen_proto *from = &frozen->protos[i];
        protos[i] = from->proto;
        protos[i].constants = values + from->first_constant;
        protos[i].children = children;
        for (int k = 0; k < from->proto.child_count; k++)
            *children++ = &protos[from->children[k] - frozen->protos];
    }
    lua_pushlightuserdata(L, (void *)frozen);
    lua_pushvalue(L, 2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, protos);
    return 1;
}

/* Builds this VM's part; its main prototype is kept in the hold. */
static int make_graft(lua_State *L, struct hold *hold, const struct payload *payload)
{
    lua_pushcclosure(L, build_graft, 0);
    lua_pushlightuserdata(L, payload->data);
    int status = protected_call(L, 1, 1, 0);
    if (status == LUA_OK) {
        hold->own = lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    return status;
}

static int graft_push(lua_State *L, struct vm *vm, struct hold *hold, const struct payload *payload,
                      const char *chunkname)
{
    (void)vm;
    (void)chunkname; /* the frozen source tells it */
    struct hooks hooks = hooks_off(L);
    int status = hold->own == NULL ? make_graft(L, hold, payload) : LUA_OK;
    if (status == LUA_OK)
        status = push_closure(L, hold->own);
    hooks_on(L, &hooks);
    return status;
}

static bool graft_store(lua_State *L, struct payload *payload)
{
    const struct closure_layout *closure = lua_topointer(L, -1);
    if (closure->upvalue_count != 1)
        return false;
    struct frozen *frozen = freeze(L, closure->proto, false);
    payload->data = frozen;
    payload->size = frozen != NULL ? frozen->size : 0;
    payload->prototypes = frozen != NULL ? frozen->proto_count : 0;
    return frozen != NULL;
}

static void graft_release(struct payload *payload)
{
    free(payload->data);
    payload->data = NULL;
}

static const struct tier graft = {
    .name = "graft",
    .pins = true,
    .store = graft_store,
    .warm = warm_factory,
    .push = graft_push,
    .release = graft_release,
};

/* Looking into a VM that is idle, in its own thread: what one value leads to. By raw access only, and nothing here asks
   the collector for memory, makes a call or raises an error: no metamethod runs, and no finalizer, whatever the script
   made of its globals. */

#if LUA_VERSION_NUM == 501
#define LUA_GLOBALSINDEX (-10002)
#endif

/* The public record of each lua.h, with room for what follows it. */
struct lua_Debug {
    int event;
    const char *name, *namewhat, *what, *source;
#if LUA_VERSION_NUM >= 504
    size_t srclen;
#endif
    int currentline;
#if LUA_VERSION_NUM == 501
    int nups, linedefined, lastlinedefined;
#else
    int linedefined, lastlinedefined;
    unsigned char nups;
#endif
    char rest[1024];
};

struct look_key {
    enum step_kind kind;
    uint32_t ordinal; /* in the order of the table */
    int64_t integer;
    double number;
    const char *text; /* in the VM, which keeps still */
    size_t length;
    const void *address;
};

/* A generation that the VM holds. */
struct look_held {
    uint64_t id;
    const char *chunkname;
    const char *start; /* of what its closures share; NULL: nothing */
    size_t size;
};

struct looking {
    lua_State *L;
    struct vm *vm;
    struct look *look;
    int at;            /* where on the stack the value is that is looked at */
    uint64_t deadline; /* monotonic ns */
    uint64_t steps;
    const char *source;  /* last looked up, */
    uint64_t generation; /* and what came of it */
};

/* Asked at every step of every walk. */
static bool look_ends(struct looking *looking)
{
    struct look *look = looking->look;
    if ((++looking->steps & 1023) == 0 && look->outcome == LOOK_DONE) {
        if (atomic_load(&looking->vm->stop) != REASON_NONE)
            look->outcome = LOOK_STOPPED;
        else if (monotonic_ns() > looking->deadline)
            look->outcome = LOOK_TOO_LONG;
    }
    return look->outcome != LOOK_DONE;
}

/* Where things are */

/* Pushes user value n of the userdata at `index`, or nothing. */
static bool push_user_value(lua_State *L, int index, int n)
{
#if LUA_VERSION_NUM >= 504
    if (lua_getiuservalue(L, index, n) != LUA_TNONE)
        return true;
    lua_pop(L, 1);
#elif LUA_VERSION_NUM >= 502
    if (n == 1) {
        lua_getuservalue(L, index);
        if (lua_type(L, -1) != LUA_TNIL)
            return true;
        lua_pop(L, 1);
    }
#else
    (void)L;
    (void)index;
    (void)n;
#endif
    return false;
}

/* Pushes the environment of a function, userdata or thread where it has one that is not the globals, or nothing. */
static bool push_environment(lua_State *L, int index)
{
#if LUA_VERSION_NUM == 501
    int type = lua_type(L, index);
    if (type != LUA_TFUNCTION && type != LUA_TUSERDATA && type != LUA_TTHREAD)
        return false;
    lua_getfenv(L, index);
    if (!lua_rawequal(L, -1, LUA_GLOBALSINDEX))
        return true;
    lua_pop(L, 1);
#else
    (void)L;
    (void)index;
#endif
    return false;
}

/* Pushes what is no entry of a table but belongs to the value at `index`; its name, or NULL: nothing was pushed. */
static const char *push_part(lua_State *L, int index, enum step_kind kind, int64_t n)
{
    int type = lua_type(L, index);
    if (n < 0 || n > INT16_MAX)
        return NULL;
    switch (kind) {
    case STEP_METATABLE:
        return (type == LUA_TTABLE || type == LUA_TUSERDATA) && lua_getmetatable(L, index) ? "" : NULL;
    case STEP_ENVIRONMENT: return push_environment(L, index) ? "" : NULL;
    case STEP_UPVALUE: return type == LUA_TFUNCTION ? lua_getupvalue(L, index, (int)n) : NULL;
    case STEP_USER_VALUE: return type == LUA_TUSERDATA && push_user_value(L, index, (int)n) ? "" : NULL;
    default: return NULL;
    }
}

/* Writes up to `room` parts of the value at `index` into `keys` and returns how many. */
static size_t list_parts(lua_State *L, int index, struct look_key *keys, size_t room)
{
    static const enum step_kind kinds[] = {STEP_METATABLE, STEP_ENVIRONMENT, STEP_UPVALUE, STEP_USER_VALUE};
    size_t count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int n = 1; count < room && push_part(L, index, kinds[i], n) != NULL; n++) {
            lua_pop(L, 1);
            keys[count++] = (struct look_key){.kind = kinds[i], .integer = n};
            if (kinds[i] == STEP_METATABLE || kinds[i] == STEP_ENVIRONMENT)
                break;
        }
    return count;
}

static bool is_number_key(enum step_kind kind)
{
    return kind == STEP_INTEGER || kind == STEP_NUMBER;
}

/* What is told of any value, and a key is known by. */
static void read_key(lua_State *L, int index, struct look_key *key)
{
    int type = lua_type(L, index);
    *key = (struct look_key){.kind = STEP_OBJECT, .integer = type};
    if (type == LUA_TSTRING) {
        key->kind = STEP_STRING;
        key->text = lua_tolstring(L, index, &key->length);
        key->address = key->text;
    } else if (type == LUA_TBOOLEAN) {
        key->kind = STEP_BOOLEAN;
        key->integer = lua_toboolean(L, index);
    } else if (type == LUA_TNUMBER) {
        key->kind = STEP_NUMBER;
        key->number = to_number(L, index);
#if LUA_VERSION_NUM >= 503
        if (lua_isinteger(L, index)) {
            key->kind = STEP_INTEGER;
            key->integer = to_integer(L, index);
        }
#endif
    } else {
        key->address = lua_topointer(L, index);
    }
}

static bool key_is(const struct look_key *key, const struct look_step *step)
{
    if (step->kind == STEP_OBJECT) /* long strings too */
        return (key->kind == STEP_OBJECT || key->kind == STEP_STRING) &&
               key->address == (const void *)(uintptr_t)step->integer;
    if (key->kind != step->kind)
        return false;
    switch (key->kind) {
    case STEP_STRING: return key->length == step->length && memcmp(key->text, step->text, key->length) == 0;
    case STEP_NUMBER: return key->number == step->number;
    default: return key->integer == step->integer;
    }
}

/* Pushes the entry of the table at `index`; false: there is none, or the look is over. */
static bool push_entry(struct looking *looking, int index, const struct look_step *step)
{
    lua_State *L = looking->L;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        struct look_key key;
        read_key(L, -2, &key);
        if (key_is(&key, step))
            return true; /* the key stays below */
        lua_pop(L, 1);
        if (look_ends(looking)) {
            lua_pop(L, 1);
            return false;
        }
    }
    return false;
}

/* Pushes what a path begins with. */
static void push_start(struct looking *looking, enum step_kind kind)
{
    lua_State *L = looking->L;
    static const struct look_step loaded = {.kind = STEP_STRING, .text = "_LOADED", .length = 7};
#if LUA_VERSION_NUM == 501
    if (kind == STEP_GLOBALS) {
        lua_pushvalue(L, LUA_GLOBALSINDEX);
        return;
    }
#endif
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    int registry = lua_gettop(L);
#if LUA_VERSION_NUM >= 502
    if (kind == STEP_GLOBALS) {
        lua_pushinteger(L, 2); /* LUA_RIDX_GLOBALS */
        lua_rawget(L, registry);
        move_top(L, registry);
    }
#endif
    if (kind == STEP_LOADED) {
        if (!push_entry(looking, registry, &loaded))
            lua_pushnil(L);
        move_top(L, registry);
        lua_settop(L, registry);
    }
}

/* Replaces the value that is looked at by what the step leads to. */
static bool take_step(struct looking *looking, const struct look_step *step)
{
    lua_State *L = looking->L;
    int at = looking->at;
    bool found = step->kind >= STEP_STRING && step->kind <= STEP_OBJECT
                     ? lua_type(L, at) == LUA_TTABLE && push_entry(looking, at, step)
                     : push_part(L, at, step->kind, step->integer) != NULL;
    if (found) {
        move_top(L, at);
        lua_settop(L, at);
    }
    return found;
}

/* Leaves the value where looking->at says. */
static bool follow_path(struct looking *looking)
{
    struct look *look = looking->look;
    for (size_t i = 0; i < look->step_count && look->outcome == LOOK_DONE; i++) {
        const struct look_step *step = &look->steps[i];
        look->gone = i;
        if (i == 0 && step->kind <= STEP_REGISTRY)
            push_start(looking, step->kind);
        else if ((i == 0 || !take_step(looking, step)) && look->outcome == LOOK_DONE)
            look->outcome = LOOK_GONE;
    }
    return look->outcome == LOOK_DONE;
}

/* What values are */

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

static void describe_function(struct looking *looking, int index, struct look_function *function)
{
    lua_State *L = looking->L;
    struct lua_Debug activation;
    lua_pushvalue(L, index);
    lua_getinfo(L, ">Su", &activation);
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

/* One level */

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

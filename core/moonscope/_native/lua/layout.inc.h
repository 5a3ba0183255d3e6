/* The memory layout of the objects that `graft` builds, for 64-bit Lua 5.4 and 5.5: names and offsets are facts of
   lobject.h; nothing here is trusted before layout_known() has held a freshly compiled function against it (lua/proof.inc.h). */
#pragma once

#include "lua/api.inc.h"

struct object_layout {
    void *next;
    uint8_t kind, mark;
};

struct string_layout {
    void *next;
    uint8_t kind, mark;
    uint8_t extra;  /* long strings: the hash is computed */
    uint8_t length; /* short strings; negative or 255 in long ones */
    uint32_t hash;
    size_t long_length; /* long strings; a chain pointer in short ones, in frozen words the number */
    char text[];        /* 5.5's long strings: a pointer to the text, which follows it */
};

struct value_layout {
    union {
        void *object;
        uint64_t bits;
    } value;
    uint8_t kind;
};

struct upvalue_layout {
    struct string_layout *name;
    uint8_t in_stack, index, kind;
};

struct local_layout {
    struct string_layout *name;
    int start_pc, end_pc;
};

struct line_layout {
    int pc, line;
};

struct proto_layout {
    void *next;
    uint8_t kind, mark;
    uint8_t parameters, flag, stack_size;
    int upvalue_count, constant_count, code_count, line_count, child_count, local_count, absolute_line_count;
    int line, last_line;
    uint32_t number; /* padding, to Lua; see lua/graft.inc.h */
    struct value_layout *constants;
    uint32_t *code;
    struct proto_layout **children;
    struct upvalue_layout *upvalues;
    int8_t *lines;
    struct line_layout *absolute_lines;
    struct local_layout *locals;
    struct string_layout *source;
    void *gray;
};

struct closure_layout {
    void *next;
    uint8_t kind, mark, upvalue_count;
    void *gray;
    struct proto_layout *proto;
    void *upvalues[];
};

_Static_assert(sizeof(struct proto_layout) == 128, "Proto");
_Static_assert(offsetof(struct proto_layout, upvalue_count) == 16 && offsetof(struct proto_layout, constants) == 56 &&
                   offsetof(struct proto_layout, source) == 112, "Proto");
_Static_assert(offsetof(struct closure_layout, proto) == 24, "LClosure");
_Static_assert(offsetof(struct string_layout, text) == 24, "TString");
_Static_assert(sizeof(struct value_layout) == 16 && sizeof(struct upvalue_layout) == 16 &&
                   sizeof(struct local_layout) == 16, "TValue, Upvaldesc, LocVar");

enum {
    KIND_PROTO = 0x0A,
    KIND_INTEGER = 0x03,
    KIND_SHORT = 0x44, KIND_LONG = 0x54, /* strings, as values */
    COLLECTABLE = 0x40,
    /* Black and old: collectors act on white objects and walk only their own lists, so a frozen object, which is on no
       list and never white, does not exist for them. The highest bit is Lua's for tests, and no other object's; the own
       runtime knows what is shared by it. */
    MARK_FROZEN = 0xA4,
};

/* `next` and `gray` are the collectors', so frozen prototypes that lie side by side overlap there. */
enum {
    PROTO_BEGIN = offsetof(struct proto_layout, kind),
    PROTO_STRIDE = offsetof(struct proto_layout, gray) - PROTO_BEGIN,
};

#if LUA_VERSION_NUM == 505
enum { LONG_HEADER = 32 };
#else
enum { LONG_HEADER = 24 };
#endif

static bool is_long(const struct string_layout *string)
{
    return (string->kind | COLLECTABLE) == KIND_LONG;
}

static size_t string_length(const struct string_layout *string)
{
    return is_long(string) ? string->long_length : string->length;
}

static const char *string_text(const struct string_layout *string)
{
#if LUA_VERSION_NUM == 505
    if (is_long(string))
        return *(const char *const *)(const void *)string->text;
#endif
    return string->text;
}

static bool text_is(const struct string_layout *string, const char *text)
{
    return string != NULL && string_length(string) == strlen(text) && memcmp(string_text(string), text, strlen(text)) == 0;
}

static const struct proto_layout *proto_at(lua_State *L, int index)
{
    return ((const struct closure_layout *)lua_topointer(L, index))->proto;
}

/* One of those that begin at `protos`, where the first one's `kind` is: what is around them may be anything's. */
static struct proto_layout *proto_number(void *protos, size_t number)
{
    return (struct proto_layout *)((uintptr_t)protos + number * PROTO_STRIDE - PROTO_BEGIN);
}

static void put_proto(struct proto_layout *at, const struct proto_layout *from)
{
    memcpy((char *)at + PROTO_BEGIN, (const char *)from + PROTO_BEGIN, PROTO_STRIDE);
}

/* A frozen function: its prototype tree in one block of process-owned, immutable memory, which every VM reads in place.

   A prototype is frozen complete, as Lua wants it, where VMs can run it as it is: all of a tree on the own runtime (tier
   direct); on stock Lua, where short strings are compared by address and every VM has its own, what has no string among
   its constants, nor below. The others are packed: of their headers only what tells them apart, of their constants what a
   VM makes its own from (tier graft). Code, line tables, local variables and upvalues of both are as Lua wants them; equal
   runs of upvalues, and of constants, are there once. */
#pragma once

#include "lua/layout.inc.h"
#include "lua/vocabulary.inc.h"

struct frozen {
    bool complete;   /* the main function, and so all */
    uint64_t newest; /* complete: place of the newest word among the constants, see lua/vocabulary.inc.h */
    size_t size;
    uint32_t proto_count;                  /* of the whole tree */
    uint32_t child_count;                  /* of all of them together */
    uint32_t value_count, slot_count, upvalue_count, local_count;
    void *protos;                /* complete ones, see proto_number */
    struct value_layout *values; /* constants of complete ones, and numbers that fit no slot */
    uint32_t *slots;             /* constants of packed ones */
    const uint8_t *records;      /* packed prototypes, parents before children */
    struct upvalue_layout *upvalues;
    /* One after the other: those of packed prototypes, then those of complete ones. */
    uint32_t *code;
    int8_t *lines;
    struct line_layout *absolute_lines;
    struct local_layout *locals;
    struct string_layout *source;
};

/* A packed constant: a tag, and above it… */
enum {
    SLOT_WORD,    /* the number of the word */
    SLOT_INTEGER, /* the integer */
    SLOT_VALUE,   /* which of `values` */
    SLOT_LONG,    /* where in the block the long_text begins, in eights of bytes */
    SLOT_SAME,    /* the number of the constant that is the same string */
    SLOT_TAG_BITS = 3,
    SLOT_INTEGER_MAX = (1 << (31 - SLOT_TAG_BITS)) - 1,
};

static uint32_t slot_of(uint32_t tag, uint32_t what)
{
    return what << SLOT_TAG_BITS | tag;
}

struct long_text {
    size_t length;
    char text[]; /* and a NUL */
};

/* Among `values`, in padding that Lua never looks at: 0, or of a string that was there before 1 + the number of that
   constant. */
static uint32_t *value_same(struct value_layout *value)
{
    return (uint32_t *)(void *)((char *)value + 12);
}

_Static_assert(offsetof(struct value_layout, kind) < 12 && sizeof(struct value_layout) == 16, "TValue");

static struct proto_layout *main_proto(const struct frozen *frozen)
{
    return proto_number(frozen->protos, 0);
}

/* Records are numbers of 7 bits a byte, the low ones first; the high bit says that more follow. */
static uint8_t *put_number(uint8_t *at, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

static uint32_t get_number(const uint8_t **at)
{
    uint32_t number = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint32_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return number;
    }
}

enum { RECORD_MAX = 14 * 5 }; /* bytes */

static uint8_t *put_record(uint8_t *at, const struct proto_layout *proto, uint32_t constants, uint32_t upvalues)
{
    const uint32_t numbers[] = {
        proto->parameters, proto->flag, proto->stack_size, (uint32_t)proto->upvalue_count, upvalues,
        (uint32_t)proto->constant_count, constants, (uint32_t)proto->code_count, (uint32_t)proto->line_count,
        (uint32_t)proto->absolute_line_count, (uint32_t)proto->local_count, (uint32_t)proto->child_count,
        (uint32_t)proto->line, (uint32_t)proto->last_line - (uint32_t)proto->line,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        at = put_number(at, numbers[i]);
    return at;
}

/* The constants are those of a VM. */
static void get_record(const uint8_t **at, struct proto_layout *proto, const struct frozen *frozen,
                       struct value_layout *constants)
{
    proto->parameters = (uint8_t)get_number(at);
    proto->flag = (uint8_t)get_number(at);
    proto->stack_size = (uint8_t)get_number(at);
    proto->upvalue_count = (int)get_number(at);
    proto->upvalues = frozen->upvalues + get_number(at);
    proto->constant_count = (int)get_number(at);
    proto->constants = constants + get_number(at);
    proto->code_count = (int)get_number(at);
    proto->line_count = (int)get_number(at);
    proto->absolute_line_count = (int)get_number(at);
    proto->local_count = (int)get_number(at);
    proto->child_count = (int)get_number(at);
    proto->line = (int)get_number(at);
    proto->last_line = (int)((uint32_t)proto->line + get_number(at));
}

/* Where the tables of the next prototype are. */
struct cursor {
    uint32_t *code;
    int8_t *lines;
    struct line_layout *absolute_lines;
    struct local_layout *locals;
};

/* Code begins where no allocator lets a block begin: by that a graft is told when it is freed (lua/graft.inc.h). Nothing lies
   between the code of one prototype and of the next but what this leaves out. */
static uint32_t *code_place(uint32_t *at)
{
    return (uint32_t *)((uintptr_t)at | 4);
}

static size_t code_place_number(size_t number)
{
    return number | 1;
}

/* To those of the prototype that comes after `proto`. */
static void pass_tables(struct cursor *cursor, const struct proto_layout *proto)
{
    cursor->code = code_place(cursor->code) + proto->code_count;
    cursor->lines += proto->line_count;
    cursor->absolute_lines += proto->absolute_line_count;
    cursor->locals += proto->local_count;
}

static void unuse_name(const struct string_layout *name)
{
    if (name != NULL && !is_long(name))
        word_unuse(word_number(name));
}

/* Gives the words back, and the memory. */
static void frozen_free(struct frozen *frozen)
{
    if (frozen == NULL)
        return;
    pthread_mutex_lock(&vocabulary.lock);
    unuse_name(frozen->source);
    for (uint32_t i = 0; i < frozen->upvalue_count; i++)
        unuse_name(frozen->upvalues[i].name);
    for (uint32_t i = 0; i < frozen->local_count; i++)
        unuse_name(frozen->locals[i].name);
    for (uint32_t i = 0; i < frozen->slot_count; i++)
        if (frozen->slots[i] % (1 << SLOT_TAG_BITS) == SLOT_WORD)
            word_unuse(frozen->slots[i] >> SLOT_TAG_BITS);
    for (uint32_t i = 0; i < frozen->value_count; i++)
        if (frozen->values[i].kind == KIND_SHORT)
            unuse_name(frozen->values[i].value.object);
    pthread_mutex_unlock(&vocabulary.lock);
    free(frozen);
}

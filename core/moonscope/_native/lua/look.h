/* What a look into a VM asks for and gives: one level of what its globals, package.loaded and registry lead to. Plain
   values, copied out of the VM; lua/look.inc.h fills them in. */
#ifndef MOONSCOPE_LOOK_H
#define MOONSCOPE_LOOK_H

#include "cache/moonscope.h"

#include <stdbool.h>

/* How to get from one value to the next. The numbers are those of moonscope.vms.look. */
enum step_kind {
    STEP_GLOBALS, STEP_LOADED, STEP_REGISTRY,                          /* where a path begins */
    STEP_STRING, STEP_INTEGER, STEP_NUMBER, STEP_BOOLEAN, STEP_OBJECT, /* the entry of a table with that key */
    STEP_METATABLE, STEP_ENVIRONMENT, STEP_UPVALUE, STEP_USER_VALUE,
};

struct look_step {
    enum step_kind kind;
    const char *text; /* STRING: `length` bytes */
    size_t length;
    int64_t integer; /* INTEGER, BOOLEAN, UPVALUE and USER_VALUE (from 1), OBJECT (its address) */
    double number;   /* NUMBER */
};

enum {
    LOOK_STEPS = 100,        /* of a path */
    LOOK_PAGE = 500,         /* entries of one answer */
    LOOK_KEYS = 10000,       /* keys of one table that are put in order, and can be asked for */
    LOOK_COUNTED = 1000000,  /* keys of the table itself that are counted */
    LOOK_CHILDREN = 1000,    /* keys of each table in it that are counted */
    LOOK_TEXT = 200,         /* bytes of a string that are given */
    LOOK_NS = 2000000000,    /* how long a look may take */
};

struct look_value {
    int type; /* Lua's number of it */
    bool is_integer;
    int64_t integer; /* integers; booleans */
    double number;
    const void *address; /* of strings (their text), tables, functions, userdata, threads */
    size_t text, kept;   /* strings: where in look->pool, how many bytes of it */
    size_t length;       /* strings: bytes of the whole; userdata: size of the block */
};

enum function_kind { FUNCTION_LUA, FUNCTION_C, FUNCTION_LIGHT };

struct look_function {
    enum function_kind kind;
    int upvalues, line, last_line;
    size_t source, source_kept; /* in look->pool */
    uint64_t generation;        /* that it belongs to; 0: none that this VM holds */
    bool shared;                /* it runs code of the process, not of the VM */
};

struct look_entry {
    enum step_kind step;
    struct look_value key; /* of upvalues: the name, and `integer` the number; of user values: the number */
    struct look_value value;
    size_t count; /* entries of a table */
    bool count_cut, metatable, opens;
    struct look_function function;
};

struct look_key;
struct look_held;
struct closure_frame;

enum { CLOSURE_DEPTH = 2000 }; /* objects from the registry down, at most */

/* The other kind of look: how many closures of one prototype there are. */
struct closure_search {
    uint64_t generation; /* asked: that it belongs to, */
    int line, last_line; /* and where it stands */
    size_t closures;
    bool cut; /* there may be more: too deep, or no time left */
    /* on the way: */
    size_t objects; /* that were seen */
    const void **seen;
    size_t room; /* of `seen`, a power of two */
    struct closure_frame *frames;
};

enum look_outcome { LOOK_DONE, LOOK_GONE, LOOK_TOO_LONG, LOOK_STOPPED, LOOK_MEMORY };

struct look {
    /* asked: */
    const struct look_step *steps;
    size_t step_count, offset, limit;
    struct closure_search *search; /* NULL: for what the steps lead to */
    /* answered: */
    enum look_outcome outcome;
    size_t gone; /* number of the step that leads nowhere */
    struct look_value opened;
    size_t total;   /* entries there are */
    bool total_cut; /* there are more than that */
    size_t listed;  /* entries that can be asked for, in order */
    struct look_entry *entries;
    size_t count; /* of `entries` */
    char *pool;
    /* on the way: */
    size_t pool_length, pool_room;
    struct look_key *keys;
    struct look_held *held;
    size_t held_count;
    uint32_t *places; /* by number of a key in the order of the table: 1 + its place among `entries`, or 0 */
};

/* Everything it owns, which is what was answered. */
void look_free(struct look *);

/* Copies bytes into the pool; *at says where. False: no memory. */
bool look_keep(struct look *, const char *bytes, size_t length, size_t *at);

#endif

/* What the Lua-independent part may ask of each Lua (lua/per_lua.inc.h provides it), and who waits to be attached. */
#ifndef MOONSCOPE_LUA_H
#define MOONSCOPE_LUA_H

#include "cache/moonscope.h"

#include "lua/look.h"
#include "cache/tier.h"
#include "lua/vm.h"

/* ns per file of one round: a bare undump, a hit, a hit without counters and events. */
struct bench_round {
    double bare_ns, hit_ns, quiet_ns;
};

/* `states` fresh states, one after the other, each load all files `passes` times. */
struct bench_job {
    struct cache *cache;
    const char *const *names;
    size_t count, states, passes;
    double *ns;   /* states × passes: ns per file */
    size_t *kept; /* by state: bytes it holds more after the first pass, the functions kept */
    char *error;  /* why a file did not load; the caller frees it */
};

enum request_kind { REQUEST_EXECUTE, REQUEST_LOAD, REQUEST_COLLECT, REQUEST_LOOK };

/* What the owner of a managed VM asks of it. */
struct request {
    struct vm *vm;
    enum request_kind kind;
    const char *text; /* execute: source (how == 2: the name of a file); load: names joined by NUL */
    size_t length;
    const char *chunkname;
    size_t chunkname_length;
    int how; /* 0 chunk, 1 expression or chunk, 2 file through the cache */
    size_t done;       /* load: bytes of `text` that are done with, the next name begins there; set before, and after */
    size_t loads;      /* load: names tried */
    struct look *look; /* look */
    enum status status;
};

/* A managed VM to come. */
struct birth {
    struct vm *vm;           /* borrowed; not attached yet */
    const char *search_path; /* put before package.path */
    size_t path_length;
    bool jit; /* LuaJIT compiles traces, which cannot be interrupted */
};

struct measurement {
    const struct tier *tier;
    const struct payload *payload;
    const char *chunkname;
    uint64_t unshared, private, on_conflict; /* bytes, loaded plainly, by its tier, and on conflict */
};

struct lua_ops {
    /* Resolves the C API from a dlopen handle. False: *missing names the symbol. */
    bool (*bind)(void *library, const char **missing);
    /* After bind, with what release() gave: the best tier of this library, NULL when its layout is not a known one. */
    const struct tier *(*sharing)(void *library, const char *release);
    const struct tier *graft; /* NULL: not for this Lua; to be used only when sharing() gave a tier */
    uint64_t (*newest_word)(void); /* place of the newest frozen short string (tier direct) */
    uint64_t (*word_bytes)(void);  /* of the frozen short strings that generations have in common */
    uint64_t (*word_savings)(void); /* what a VM that finds them holds less before it loads anything */
    uint64_t (*word_overhead)(void); /* what they take beyond that, and those that are there before any file */
    /* Does a round (lua/word_rounds.inc.h) wait for states? An idle VM that answers is looked at in this thread, which must
       have it for itself meanwhile. */
    bool (*words_wait)(void);
    void (*answer)(struct vm *);
    void (*hold_donor)(bool); /* takes the lock of measurements, or gives it back; see fork.h */
    void (*hold_words)(bool); /* as hold_donor, that of the vocabulary */
    void (*sweep_words)(void);     /* drops those that no generation has any more, as soon as that may be */
    const struct tier *bytecode;
    /* Makes a state with the standard libraries and attaches it. The caller closes it. NULL: no memory. */
    lua_State *(*spawn)(struct birth *);
    void (*close)(lua_State *);
    /* The VM's thread, in a signal handler: sets the hook that ends or pauses the run, if it is to. */
    void (*heed)(struct vm *);
    /* These three from another thread, under vm->hooking. Makes `running` stop at its next instruction. */
    void (*set_hook)(struct vm *, lua_State *running);
    /* Lets the hook of a budget count in finalizers and hooks of the script, too. */
    void (*let_hooks_run)(struct vm *, lua_State *running);
    /* The C function that `running` is inside, as scripts name it; "": none, or it is not known. */
    const char *(*running_function)(lua_State *running);
    /* Runs a request in its VM and returns how it ended. */
    enum status (*enter)(struct request *);
    /* The dumped chunk of a payload; the caller frees it. NULL: no memory. */
    char *(*dump)(const struct tier *, const struct payload *, const char *chunkname, size_t *length);
    /* Fills in what one VM that loads all the items holds for each. False: no memory. */
    bool (*measure)(struct measurement *, size_t count);
    /* Compiles a file in a fresh state. False: *error (owned by the caller, may be NULL) says why in Lua's words. */
    bool (*compile)(const char *name, bool allow_binary, struct payload *, char **error);
    /* The exact release, e.g. "Lua 5.4.8"; the caller frees it. */
    char *(*release)(void *library);
    /* Fills `rounds` rounds; reorders `names`. Returns how many of them could be stored; 0: nothing was measured. */
    size_t (*bench)(struct cache *, const char **names, size_t count, size_t rounds, struct bench_round *);
    bool (*bench_loads)(struct bench_job *); /* false: a file did not load, or no memory */
    const struct tier *fixed;                /* for comparison only; NULL: not in this Lua */
};

extern const struct lua_ops lua_ops_lua51, lua_ops_lua52, lua_ops_lua53, lua_ops_lua54, lua_ops_lua55,
    lua_ops_luajit20, lua_ops_luajit21, lua_ops_own54, lua_ops_own55;

/* By enum lua_index. */
extern const struct lua_ops *const lua_ops[LUAS];

/* Records that wait for a runtime of the calling program, by token (process-wide, behind its own lock): the only way to
   hand a pointer through Lua code without trusting that code with an address. */
enum { TOKEN_SIZE = 40 };
bool pending_add(struct vm *, char token[TOKEN_SIZE]); /* borrows the vm until it is taken or removed */
struct vm *pending_take(const char *token);            /* with a reference for the caller; NULL: no such token */
void pending_remove(struct vm *);
void pending_hold(bool held); /* takes the lock, or gives it back; see fork.h */

#endif

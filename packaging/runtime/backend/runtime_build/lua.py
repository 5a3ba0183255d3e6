"""What the runtime changes in Lua, and which parts of lupa's source it is made of.

Anchors are short pieces of Lua 5.4.8 and 5.5.1, as lupa 2.8 has them. The texts are Moonscope's; each contains
edit.MARK, if only in a comment.
"""

from __future__ import annotations

import re
from pathlib import Path

from .edit import Edit, EditError

LUAS = ("lua54", "lua55")

NOT_IN_THE_LIBRARY = {"lua.c", "luac.c", "onelua.c", "ltests.c"}
"""Programs, all of Lua in one file, and the internal tests."""

INCLUDE = '#include "moonscope_hook.h"\n'

SHARED_STRING = """\
if (moonscope_may_share(h) && g->seed == moonscope_seed) {
    void *shared = moonscope_short_string(L, str, l, h);
    if (shared != NULL)
      return (TString *)shared;
  }
  """

BEGINS = "g->moonscope_answered = moonscope_state_begins();"
ENDS = "moonscope_state_ends(g->moonscope_answered);\n  "
NEWEST = "TString *memerrmsg;  /* message for memory-allocation errors */"

COMMON = [
    # A state that misses a short string in its own table uses the process's, before it makes (or grows) anything.
    Edit("lstring.c", '#include "lstring.h"\n', '#include "lstring.h"\n' + INCLUDE),
    Edit("lstring.c", "/* else must create a new string */", SHARED_STRING + "/* else must create a new string */"),
    # Reserved words and names of metamethods may come back shared: they are on no list of this state.
    Edit("lgc.c", '#include "lgc.h"\n', '#include "lgc.h"\n' + INCLUDE),
    Edit("lgc.c", "lua_assert(g->allgc == o);", "if (g->allgc != o) return;  /* moonscope: shared */"),
    # Each state knows which round of questions (moonscope_hook.h) it has answered, and is asked when its collector has
    # worked. Not in an emergency: then a state may be in the middle of anything.
    Edit("lstate.h", NEWEST, f"unsigned long long moonscope_answered;\n  {NEWEST}"),
    Edit("lgc.c", "g->gcemergency = 0;", "g->gcemergency = 0;\n  if (!isemergency) moonscope_gc_stepped(L, 1);"),
]

RESERVED = "ts->extra = cast_byte(i+1);"

LUA54 = [
    *COMMON,
    # A shared reserved word has its number already: memory that all threads read is not written.
    Edit("llex.c", RESERVED, f"if (ts->extra != i + 1)  /* moonscope: shared */\n      {RESERVED}"),
    # As in luaC_fullgc.
    Edit("lgc.c", "      incstep(L, g);\n", "      incstep(L, g);\n    moonscope_gc_stepped(L, 0);\n"),
    # States are counted, from before their first string until all is freed but the block that the state itself is.
    Edit("lstate.c", "g->seed = luai_makeseed(L);", f"g->seed = luai_makeseed(L);\n  {BEGINS}"),
    Edit(
        "lstate.c",
        "(*g->frealloc)(g->ud, fromstate(L), sizeof(LG), 0);",
        f"{ENDS}(*g->frealloc)(g->ud, fromstate(L), sizeof(LG), 0);",
    ),
    # One seed for all states. The macro is Lua's own way to configure it.
    Edit(
        "lstate.c",
        "#if !defined(luai_makeseed)\n",
        f"{INCLUDE}#define luai_makeseed(L) moonscope_seed\n#if !defined(luai_makeseed)\n",
    ),
]

LUA55 = [
    *COMMON,
    # As in 5.4. Where "global" is no reserved word, Lua numbers it here and takes the number away before each chunk; as
    # a shared string it would change under the lexers of other threads, so here it never gets the number.
    Edit(
        "llex.c",
        RESERVED,
        "if (ts->extra != i + 1 &&  /* moonscope: shared */\n"
        f"        !(LUA_COMPAT_GLOBAL && i + FIRST_RESERVED == TK_GLOBAL))\n      {RESERVED}",
    ),
    Edit(
        "llex.c",
        "ls->glbn->extra = 0;",
        "if (ls->glbn->extra != 0)  /* moonscope: shared */\n    ls->glbn->extra = 0;",
    ),
    # As in luaC_fullgc.
    Edit(
        "lgc.c",
        "luai_tracegc(L, 0);  /* for internal debugging */",
        "luai_tracegc(L, 0);  /* for internal debugging */\n    moonscope_gc_stepped(L, 0);",
    ),
    # As in 5.4.
    Edit("lstate.c", '#include "lstate.h"\n', '#include "lstate.h"\n' + INCLUDE),
    Edit("lstate.c", "g->seed = seed;", f"g->seed = seed;\n  {BEGINS}"),
    Edit(
        "lstate.c",
        "(*g->frealloc)(g->ud, g, sizeof(global_State), 0);",
        f"{ENDS}(*g->frealloc)(g->ud, g, sizeof(global_State), 0);",
    ),
    # New states, lupa's too, ask with no state: they get the one seed. math.random and table.sort ask with theirs, and
    # go on to get what is different each time.
    Edit("lauxlib.c", '#include "lauxlib.h"\n', '#include "lauxlib.h"\n' + INCLUDE),
    Edit("lauxlib.c", "return luai_makeseed();", "return L == NULL ? moonscope_seed : luai_makeseed();"),
]

EDITS = {"lua54": LUA54, "lua55": LUA55}


def lua_sources(folder: Path) -> list[Path]:
    """The C files of the Lua library in `folder`."""
    return sorted(path for path in folder.glob("*.c") if path.name not in NOT_IN_THE_LIBRARY)


def lua_licence(folder: Path) -> str:
    """The notice at the end of lua.h, which must go wherever Lua goes. Raises EditError when it is not there."""
    header = (folder / "lua.h").read_text()
    notice = re.search(r"/\*{20,}\n(\* Copyright \(C\).*?)\n\*{20,}/", header, re.DOTALL)
    if notice is None:
        raise EditError(f"{folder / 'lua.h'}: Lua's copyright notice was not found; it has to be in the package.")
    return re.sub(r"^\* ?", "", notice[1], flags=re.MULTILINE) + "\n"

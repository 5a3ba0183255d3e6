"""What prototypes say about themselves, from the values of `moonscope.model` alone: no bytes, no VM.

    verdict = verdict.judge(tree)           may this file be shared without surprises, and if not, why?
    state = globals.file_state(tree)        the globals that each of its prototypes reads and writes
    comparison = compare.compare(a, b)      two trees side by side
"""

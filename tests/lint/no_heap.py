#!/usr/bin/env python3
"""Checks by symbols that the firmware uses no heap, no exceptions, no RTTI and no static constructors.

Usage: no_heap.py NM --ours LIBRARY... --library LIBRARY... [--image PROGRAM]

--ours: archives of our own firmware code: no object may define or want a symbol of the tables below.
--library: archives of mbedTLS as the firmware configures it: no object may want the system's allocator.
--image: a program linked from them without the C++ library: what it still wants from outside must be in ALLOWED.
"""
import argparse
import re
import subprocess
import sys

HEAP = {
    "malloc", "calloc", "realloc", "reallocarray", "free", "aligned_alloc", "posix_memalign", "memalign", "strdup",
    "strndup", "asprintf", "vasprintf", "getline", "sbrk", "mmap",
}  # fmt: skip
PATTERNS = [
    (re.compile(r"^_Zn[wa]"), "operator new"),
    (re.compile(r"^_Zd[la]"), "operator delete"),
    (re.compile(r"^(__cxa_(throw|rethrow|begin_catch|end_catch|allocate_exception|bad_cast|bad_typeid)|_Unwind_|__gxx_personality)"), "exceptions"),
    (re.compile(r"^(_ZTI|_ZTS|__dynamic_cast|_ZTVN10__cxxabiv1)"), "RTTI"),
    (re.compile(r"^(_GLOBAL__sub_I_|__cxa_atexit|__cxa_guard_|__cxa_thread_atexit)"), "a static constructor or destructor"),
    (re.compile(r"^_ZNSt(8ios_base|o|i|7__cxx1112basic_string|6thread)"), "iostream, string or thread"),
    (re.compile(r"^_ZSt\d+__throw_"), "a throwing function of the C++ library"),
]
# What the C library of a small board gives, and what start-up code takes.
ALLOWED = re.compile(
    r"^(mem(cpy|set|move|cmp|chr)|str(len|cmp|ncmp)|abort|exit|v?s?n?printf|fprintf|stderr|stdout|puts|fputc|fwrite|putchar|"
    r"__[a-z]*_chk|__stack_chk_fail|__libc_start_main|__gmon_start__|_ITM_\w+|__cxa_finalize|explicit_bzero)$"
)


def symbols(nm, path, *options):
    out = subprocess.run([nm, *options, path], check=True, capture_output=True, text=True).stdout
    member = path
    for line in out.splitlines():
        if line.endswith(":"):
            member = line[:-1]
            continue
        parts = line.split()
        if len(parts) >= 2:
            yield member, parts[-2], parts[-1].split("@")[0]


def why_forbidden(name):
    if name in HEAP:
        return "the heap"
    return next((what for pattern, what in PATTERNS if pattern.search(name)), None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nm")
    parser.add_argument("--ours", nargs="+", default=[])
    parser.add_argument("--library", nargs="+", default=[])
    parser.add_argument("--image")
    args = parser.parse_args()
    faults = []
    seen = 0
    for path in args.ours:
        for member, _, name in symbols(args.nm, path):
            seen += 1
            what = why_forbidden(name)
            if what:
                faults.append(f"{path}({member}): {name}: {what}")
    for path in args.library:
        for member, kind, name in symbols(args.nm, path):
            seen += 1
            if kind in "Uu" and name in HEAP:
                faults.append(f"{path}({member}): {name}: the heap")
    if args.image:
        outside = [name for _, kind, name in symbols(args.nm, args.image, "-D") if kind in "Uuwv"]
        print("the image wants from outside:", " ".join(sorted(outside)))
        faults += [f"{args.image}: {name}: not among what a board gives" for name in outside if not ALLOWED.search(name)]
        faults += [f"{args.image}: {name}: linked in" for _, _, name in symbols(args.nm, args.image) if name in HEAP or re.match(r"^_Zn[wa]", name)]
        seen += len(outside)
    for fault in faults:
        print(fault)
    print(f"{seen} symbols read, {len(faults)} faults")
    return 1 if faults or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The laws of the source tree: who includes whom (src/LAYERS), what may not be called, how long things may get.

Each rule is also run on a copy of a small tree with one violation planted, so that a rule that finds nothing any
more is noticed.  timeout: 120"""
import os
import re
import sys
import tempfile

ROOT = os.environ.get("CRM_SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

GUARDED = """mpi.h hdf5.h hdf5_hl.h yaml.h jansson.h xxhash.h Random123 libstemmer.h utf8proc.h zlib.h zstd.h svm.h
nccl.h cuda cudnn cublas""".split()
LIBM = """exp exp2 exp10 expm1 log log2 log10 log1p pow sin cos tan sincos asin acos atan atan2 sinh cosh tanh asinh
acosh atanh lgamma tgamma gamma erf erfc cbrt hypot""".split()
FORBIDDEN = "rand srand random drand48 sprintf vsprintf strcpy strcat atoi atol atof alloca gets strtok".split()
INTEGER_TYPES = re.compile(r"MPI_(U?INT(8|16|32|64)_T|INT|LONG|LONG_LONG|UNSIGNED\w*)\b")
FAST_MARK = "train.reduce = fast"
MAX_FUNCTION, MAX_FILE = 99, 800


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def strip(text):
    """The text without comments and string contents, line numbers kept."""
    def blank(m):
        s = m.group(0)
        if s[0] == "/":
            return re.sub(r"[^\n]", " ", s)
        return s[0] + " " * (len(s) - 2) + s[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


class Tree:
    """Sources of a checkout with the module that each belongs to."""

    def __init__(self, root):
        self.root = root
        self.wing, self.allowed, self.foreign, self.order = {}, {}, {}, []
        self.read_layers()
        self.files = []  # (path from root, module, in_src)
        for base, _, names in os.walk(os.path.join(root, "src")):
            for n in sorted(names):
                if n.endswith((".c", ".h", ".cu", ".cuh")):
                    path = os.path.relpath(os.path.join(base, n), root)
                    parts = path.split(os.sep)
                    self.files.append((path, "app" if parts[1] == "app" else parts[2], True))
        inc = os.path.join(root, "include", "crmpi")
        for n in sorted(os.listdir(inc)) if os.path.isdir(inc) else []:
            self.files.append((os.path.join("include", "crmpi", n), module_of(n), False))
        self.text = {p: read(os.path.join(root, p)) for p, _, _ in self.files}
        self.code = {p: strip(t) for p, t in self.text.items()}

    def read_layers(self):
        wing = None
        for line in read(os.path.join(self.root, "src", "LAYERS")).splitlines():
            m = re.match(r"# wing (\w+)", line)
            if m:
                wing = m.group(1)
            m = re.match(r"(\w+): *([^!]*)(?:! *(.*))?$", line)
            if m:
                name = m.group(1)
                self.order.append(name)
                self.wing[name] = wing
                self.allowed[name] = m.group(2).split()
                self.foreign[name] = (m.group(3) or "").split()


def module_of(header):
    return re.split(r"[_.]", header)[0]


def guard_of(header, guards):
    """The guard that covers an included header: its exact name, its folder, or the begin of its name (cuda...)."""
    for g in guards:
        if header == g or header.startswith(g + "/") or ("." not in g and header.startswith(g)):
            return g
    return None


def includes(tree, path):
    for i, line in enumerate(tree.text[path].splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if m:
            yield i, m.group(1), m.group(2)


def rule_order(tree):
    """src/LAYERS names only modules of earlier lines, each once; every source folder has a line."""
    bad, seen = [], []
    for name in tree.order:
        if name in seen:
            bad.append(f"src/LAYERS: {name} has two lines")
        for dep in tree.allowed[name]:
            if dep not in seen:
                bad.append(f"src/LAYERS: {name} names {dep}, which has no earlier line")
        seen.append(name)
    for path, module, in_src in tree.files:
        if module not in tree.wing:
            bad.append(f"{path}: module {module} has no line in src/LAYERS")
        elif in_src and module != "app" and path.split(os.sep)[1] != tree.wing[module]:
            bad.append(f"{path}: module {module} belongs to wing {tree.wing[module]}")
    return bad


def rule_includes(tree):
    """A module includes its own headers and those of the modules on its line."""
    bad = []
    for path, module, _ in tree.files:
        for i, _, header in includes(tree, path):
            if header.startswith("crmpi/"):
                user = module_of(header[len("crmpi/"):])
                if user != module and user not in tree.allowed.get(module, []):
                    bad.append(f"{path}:{i}: {module} may not include {header}")
    return bad


def rule_foreign(tree):
    """A guarded foreign header is included only by the modules that list it behind "!"."""
    bad = []
    guards = set(GUARDED).union(*tree.foreign.values())
    for path, module, _ in tree.files:
        for i, _, header in includes(tree, path):
            if header.startswith("crmpi/") and module_of(header[len("crmpi/"):]) == module:
                continue
            if guard_of(header, guards) and not guard_of(header, tree.foreign.get(module, [])):
                bad.append(f"{path}:{i}: {module} may not include {header} (not behind ! in src/LAYERS)")
    return bad


def rule_cuda(tree):
    """Headers of CUDA and of the vendor's libraries only in the folder of the module that is loaded when it runs."""
    bad = []
    for path, module, _ in tree.files:
        for i, _, header in includes(tree, path):
            if guard_of(header, ["cuda", "cublas", "cudnn", "nccl.h", "nvtx3"]) and os.sep + "cuda" + os.sep not in path:
                bad.append(f"{path}:{i}: {header} outside device/cuda")
    return bad


def rule_private(tree):
    """No "../"; a private header is found in the folder of its own module."""
    bad = []
    own = {(m, os.path.basename(p)) for p, m, _ in tree.files}
    for path, module, _ in tree.files:
        for i, kind, header in includes(tree, path):
            if ".." in header.split("/"):
                bad.append(f"{path}:{i}: include of {header} leaves the folder")
            elif kind == '"' and not header.startswith("crmpi/") and (module, os.path.basename(header)) not in own:
                bad.append(f"{path}:{i}: {header} is not a header of {module}")
    return bad


def rule_sums(tree):
    """No MPI_SUM but on integers, outside the marked fast mode of room comm."""
    bad = []
    for path, module, _ in tree.files:
        for m in re.finditer(r"\bMPI_SUM\b", tree.code[path]):
            code, text = tree.code[path], tree.text[path]
            begin = max(code.rfind(c, 0, m.start()) for c in ";{}") + 1
            end = code.find(";", m.start())
            marked = module == "comm" and FAST_MARK in text[begin:end]
            if not marked and not INTEGER_TYPES.search(code[begin:end]):
                bad.append(f"{path}:{line_of(code, m.start())}: MPI_SUM on a type that is not a literal integer type")
    return bad


def calls(tree, names, where=lambda path, module: True):
    call = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
    for path, module, in_src in tree.files:
        if where(path, module):
            for m in call.finditer(tree.code[path]):
                yield path, line_of(tree.code[path], m.start()), m.group(1)


def rule_libm(tree):
    """No transcendental function of libm: its bits depend on the machine."""
    names = [n + s for n in LIBM for s in ("", "f", "l")]
    return [f"{p}:{i}: {n}() of libm; crmpi/base_math.h has one with the same bits everywhere"
            for p, i, n in calls(tree, names)]


def rule_forbidden(tree):
    """No function that is unbounded, stateful or without error report."""
    return [f"{p}:{i}: {n}() is not to be used" for p, i, n in calls(tree, FORBIDDEN)]


def rule_world(tree):
    """MPI_COMM_WORLD only where MPI is started."""
    return [f"{p}:{line_of(tree.code[p], m.start())}: MPI_COMM_WORLD outside app and comm_start.c"
            for p, module, _ in tree.files if module != "app" and os.path.basename(p) != "comm_start.c"
            for m in re.finditer(r"\bMPI_COMM_WORLD\b", tree.code[p])]


def rule_length(tree):
    """No function of 100 lines, no file over 800.  clang-format puts the braces of a function in column 1."""
    bad = []
    for path, _, _ in tree.files:
        lines = tree.code[path].splitlines()
        if len(lines) > MAX_FILE:
            bad.append(f"{path}: {len(lines)} lines, {MAX_FILE} are allowed")
        start = None
        for i, line in enumerate(lines, 1):
            if line.startswith("{") and start is None:
                start = i
            elif line.startswith("}") and start is not None:
                head = start - 1
                while head > 1 and lines[head - 2].strip() and not lines[head - 2].startswith(("}", "#")):
                    head -= 1
                if i - head + 1 > MAX_FUNCTION:
                    bad.append(f"{path}:{head}: function of {i - head + 1} lines, {MAX_FUNCTION} are allowed")
                start = None
    return bad


LONG = "int f(void)\n{\n" + "    g();\n" * 98 + "}\n"
# Rule, and what to plant: file and text.  The small tree has rooms base, comm (after base) and stats (after base).
RULES = [
    (rule_order, [("src/LAYERS", "# wing core\nbase: stats\nstats: base\n# wing cluster\ncomm: base ! mpi.h\n"),
                  ("src/core/stray/stray.c", "int x;\n")]),
    (rule_includes, [("src/core/base/base_x.c", '#include "crmpi/comm.h"\n'),
                     ("src/core/stats/sub/stats_y.c", '#include "crmpi/comm_tree.h"\n'),
                     ("include/crmpi/base_up.h", '#include "crmpi/stats.h"\n')]),
    (rule_foreign, [("src/core/stats/stats_x.c", "#include <mpi.h>\n"),
                    ("src/core/stats/stats_y.c", "#include <Random123/philox.h>\n"),
                    ("src/core/stats/stats_w.c", "#include <cuda_runtime.h>\n"),
                    ("include/crmpi/stats_z.h", "#include <hdf5.h>\n")]),
    (rule_cuda, [("src/core/stats/stats_x.c", "#include <cuda_runtime.h>\n"),
                 ("src/core/base/base_y.h", '#include "cuda_impl.h"\n')]),
    (rule_private, [("src/core/stats/stats_x.c", '#include "../base/base_impl.h"\n'),
                    ("src/core/stats/stats_y.c", '#include "base_impl.h"\n')]),
    (rule_sums, [("src/cluster/comm/comm_x.c", "void f(void)\n{\n    MPI_Reduce(a, b, 1, MPI_DOUBLE, MPI_SUM, 0, c);\n}\n"),
                 ("src/core/stats/stats_x.c", "/* train.reduce = fast */ int a = g(MPI_FLOAT, MPI_SUM);\n")]),
    (rule_libm, [("src/core/stats/stats_x.c", "double f(double x) { return expf(x) + 1; }\n"),
                 ("src/core/stats/sub/stats_y.h", "double f(double x) { return y * lgamma (x); }\n")]),
    (rule_forbidden, [("src/core/stats/stats_x.c", "int f(void) { return rand(); }\n"),
                      ("src/core/stats/stats_y.c", "int f(char *s) { return atoi(s); }\n")]),
    (rule_world, [("src/cluster/comm/comm_x.c", "MPI_Comm *c = f(MPI_COMM_WORLD);\n")]),
    (rule_length, [("src/core/stats/stats_x.c", LONG),
                   ("src/core/stats/stats_y.c", "int x;\n" * (MAX_FILE + 1))]),
]
CLEAN = {
    "src/LAYERS": "# wing core\nbase:   ! Random123 xxhash.h\nstats: base\n# wing cluster\ncomm: base  ! mpi.h\n",
    "include/crmpi/base_mem.h": "int crm_mem;\n",
    "include/crmpi/stats.h": '#include "crmpi/base_mem.h"\n',
    "include/crmpi/comm.h": "int crm_comm;\n",
    "src/core/base/base_impl.h": "/* exp(x), rand() in a comment are fine */\n",
    "src/core/base/base_rng.c": '#include <Random123/philox.h>\n#include "base_impl.h"\nconst char *s = "rand(exp(1))";\n',
    "src/core/stats/stats.c": '#include "crmpi/base_mem.h"\ndouble f(t *p) { return crm_exp(1) + p->exp(2) + snprintf(0); }\n\n'
                              + LONG.replace("    g();\n", "", 2),
    "src/cluster/comm/comm.c": "#include <mpi.h>\nvoid f(void)\n{\n    MPI_Reduce(a, b, 1, MPI_INT64_T, MPI_SUM, 0, c);\n"
                               "    /* train.reduce = fast: depends on the layout */\n    MPI_Allreduce(x, t, MPI_SUM);\n}\n",
    "src/cluster/comm/comm_start.c": "#include <mpi.h>\nMPI_Comm *w = f(MPI_COMM_WORLD);\n",
}


def plant(files):
    root = tempfile.TemporaryDirectory(prefix="crmpi-lint-")
    for path, text in files.items():
        full = os.path.join(root.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
    return root


def finds_planted(rule, path, text):
    """The violation is found, in the file where it was planted, and the rest of the tree is clean."""
    with plant({**CLEAN, path: text}) as root:
        found = rule(Tree(root))
    return found and all(line.startswith(path) for line in found)


def report(ok, name):
    print(("ok - " if ok else "not ok - ") + name)
    return ok


def main():
    tree, good = Tree(ROOT), True
    for rule, plants in RULES:
        bad = rule(tree)
        for line in bad:
            print("# " + line, file=sys.stderr)
        name = rule.__doc__.split("\n")[0].rstrip(".")
        good &= report(not bad, name)
        with plant(CLEAN) as root:
            good &= report(not rule(Tree(root)), f"{rule.__name__} passes a clean tree")
        good &= report(all([finds_planted(rule, p, t) for p, t in plants]),
                       f"{rule.__name__} finds {len(plants)} planted violations")
    return 0 if good else 1


sys.exit(main())

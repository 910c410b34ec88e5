"""The shape of the package: who may import whom, and what no file may do.

The rules read the source, so they hold for code that no other test runs. Each is also shown a file
that breaks it.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hwsubnet

ROOT = Path(hwsubnet.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

FOUNDATION = {
    "errors",
    "records",
    "costs",
    "artifacts",
    "config",
    "boards",
    "tools",
    "progress",
    "resources",
}
SHARED = {"finn_adapter", "kernels", "driver"}
TOP = {"flow", "cli", "__main__"}
# The learning side is layered; the hardware side's stages do not know each other at all.
LAYERS = {
    "quant": set(),
    "prune": {"quant"},
    "convert": {"quant", "prune"},
    "models": {"quant", "prune", "convert"},
    "fused": {"quant", "prune"},
    "data": set(),
    "train": {"quant", "prune", "models", "data", "fused"},
    "compact": {"quant", "prune", "models"},
    "export": {"quant", "prune", "models", "data"},
    "analysis": {"prune", "convert", "models", "data", "train"},
    "lower": SHARED,
    "emit": SHARED,
    "simulate": SHARED,
    "synth": SHARED,
    "estimate": SHARED,
    "build": SHARED,
    "report": set(),
    "finn_adapter": set(),
    "kernels": {"driver"},
    "driver": set(),
}
ALLOWED = (
    {"__init__": set[str]()}
    | dict.fromkeys(FOUNDATION, FOUNDATION)
    | {name: FOUNDATION | below for name, below in LAYERS.items()}
    | {"driver": {"errors"}}  # runs on boards, where the rest is not
    | {name: FOUNDATION | set(LAYERS) | TOP for name in TOP}
)


def package_of(path: Path) -> str:
    """The part of hwsubnet that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every module that is imported, wherever in the file, by its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node, node.module or ""
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def called(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call, by the dotted name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def parts_imported(tree: ast.AST) -> set[str]:
    names = (name.split(".") for _, name in imported(tree))
    parts = {name[1] for name in names if name[0] == "hwsubnet" and len(name) > 1}
    return parts & (set(ALLOWED) | {"emit"})


def keyword(call: ast.Call, name: str) -> object:
    return next(
        (ast.literal_eval(k.value) for k in call.keywords if k.arg == name and
         isinstance(k.value, ast.Constant)), None
    )  # fmt: skip


def imports_outside_its_layer(tree: ast.AST, package: str) -> set[str]:
    return parts_imported(tree) - ALLOWED[package] - {package}


def imports_finn(tree: ast.AST, package: str) -> bool:
    return package != "finn_adapter" and any(
        name.split(".")[0] == "finn" for _, name in imported(tree)
    )


def needs_what_boards_lack(tree: ast.AST, package: str) -> bool:
    here = {"hwsubnet", "numpy", "pynq"} | sys.stdlib_module_names
    modules = {
        name.split(".")[0]
        for node, name in imported(tree)
        if not isinstance(node, ast.ImportFrom) or name == node.module
    }
    return package == "driver" and not modules <= here


def reads_environment(tree: ast.AST, package: str) -> bool:
    uses = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    names = {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"}
    direct = any(use in names for use in uses)
    by_name = any(name in names for _, name in imported(tree))
    return package != "tools" and (direct or by_name)


def starts_processes(tree: ast.AST, package: str) -> bool:
    started = any(name.split(".")[0] == "subprocess" for _, name in imported(tree))
    shell = any(name in {"os.system", "os.popen"} for _, name in called(tree))
    return package != "tools" and (started or shell)


def runs_or_unpickles_data(tree: ast.AST, package: str) -> bool:
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    if any(name.split(".")[0] in modules for _, name in imported(tree)):
        return True
    for call, name in called(tree):
        unsafe = (
            name in {"eval", "exec", "compile", "__import__"}
            or (
                name.startswith("yaml.")
                and "load" in name
                and not name.startswith("yaml.safe_load")
            )
            or (name == "torch.load" and keyword(call, "weights_only") is not True)
            or (name in {"np.load", "numpy.load"} and keyword(call, "allow_pickle") is True)
            or keyword(call, "shell") is True
        )
        if unsafe:
            return True
    return False


def prints(tree: ast.AST, package: str) -> bool:
    return any(name in {"print", "pprint"} for _, name in called(tree))


def catches_everything_silently(tree: ast.AST, package: str) -> bool:
    return any(
        isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(line, ast.Pass) for line in node.body))
        for node in ast.walk(tree)
    )


Rule = Callable[[ast.AST, str], object]
BROKEN: list[tuple[Rule, str, str]] = [
    (imports_outside_its_layer, "estimate", "from hwsubnet.lower import lower"),
    (imports_outside_its_layer, "estimate", "def f():\n    import hwsubnet.emit.stitch"),
    (imports_outside_its_layer, "report", "from hwsubnet import flow"),
    (imports_outside_its_layer, "quant", "from hwsubnet.train import train_dense"),
    (imports_outside_its_layer, "config", "from hwsubnet.data import load_data"),
    (imports_finn, "lower", "import finn.util.basic"),
    (imports_finn, "estimate", "from finn.util import basic"),
    (imports_outside_its_layer, "driver", "from hwsubnet.records import Record"),
    (needs_what_boards_lack, "driver", "import torch"),
    (needs_what_boards_lack, "driver", "def f():\n    from pydantic import BaseModel"),
    (reads_environment, "flow", "import os\nx = os.environ['HOME']"),
    (reads_environment, "flow", "import os\nx = os.getenv('HOME')"),
    (reads_environment, "flow", "from os import environ"),
    (starts_processes, "simulate", "import subprocess"),
    (starts_processes, "simulate", "import os\nos.system('ls')"),
    (runs_or_unpickles_data, "train", "import pickle"),
    (runs_or_unpickles_data, "train", "from joblib import load"),
    (runs_or_unpickles_data, "train", "import torch\ntorch.load('x')"),
    (runs_or_unpickles_data, "train", "import torch\ntorch.load('x', weights_only=False)"),
    (runs_or_unpickles_data, "config", "import yaml\nyaml.load(text, Loader=yaml.Loader)"),
    (runs_or_unpickles_data, "config", "import yaml\nyaml.unsafe_load(text)"),
    (runs_or_unpickles_data, "export", "np.load('x', allow_pickle=True)"),
    (runs_or_unpickles_data, "tools", "run('ls', shell=True)"),
    (runs_or_unpickles_data, "lower", "eval(name)"),
    (prints, "flow", "print('done')"),
    (catches_everything_silently, "flow", "try:\n    f()\nexcept:\n    raise"),
    (catches_everything_silently, "flow", "try:\n    f()\nexcept OSError:\n    pass"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_file(rule: Rule) -> None:
    found = {
        str(path.relative_to(ROOT)): broken
        for path in FILES
        if (broken := rule(ast.parse(path.read_text(encoding="utf-8")), package_of(path)))
    }
    assert not found


@pytest.mark.parametrize(
    ("rule", "package", "source"), BROKEN, ids=[f"{r.__name__}-{s}" for r, _, s in BROKEN]
)
def test_rule_sees(rule: Rule, package: str, source: str) -> None:
    assert rule(ast.parse(source), package)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_lets_pass(rule: Rule) -> None:
    source = (
        "import yaml, torch\nfrom hwsubnet.errors import ModelError\n"
        "yaml.safe_load(text)\ntorch.load(path, weights_only=True)\nlog.info('done')\n"
        "try:\n    f()\nexcept OSError as error:\n    raise ModelError('x') from error\n"
    )
    assert not rule(ast.parse(source), "train")


def test_every_part_of_the_package_has_its_place() -> None:
    assert {package_of(path) for path in FILES} <= set(ALLOWED)


def test_layers_have_no_cycle() -> None:
    done: set[str] = set()
    while left := set(LAYERS) - done:
        ready = {name for name in left if LAYERS[name] <= done}
        assert ready, f"a cycle among {left}"
        done |= ready


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500

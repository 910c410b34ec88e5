"""Write docs/config.md from the config's own types, defaults and docstrings.

Usage: ``python docs/config_page.py``; a test fails while the page is not what this would write.
"""

import ast
import inspect
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hwsubnet.config import PhaseConfig, SweepConfig

PAGE = Path(__file__).parent / "config.md"
HEAD = """\
# Recipes

<!-- Written by docs/config_page.py: change hwsubnet/config.py and run it again. -->

A recipe is a YAML file of nested keys. What it leaves out keeps its default; an unknown key is an
error. A preset is a recipe that comes along: `hwsubnet sweep --preset digits`. Lengths of time
are in epochs; they are turned into whole training steps once, when a phase begins.

Every level starts from the one dense network. A level above 0 is pruned (phase `prune`, in
floating point) and then quantized (phase `qat`); level 0 is quantized only. In each phase the
epoch that does best on the validation images is kept. The test images are read once, when a level
is done: for the quantized network, and for the float network as it stood before quantization.
"""
WORDS = {int: "integer", float: "number", bool: "`true` or `false`", str: "text", Path: "path"}


def page() -> str:
    """Give the whole page as Markdown."""
    sections = [HEAD, table(SweepConfig, "")]
    for name, field in SweepConfig.model_fields.items():
        if is_section(field.annotation):
            sections.append(section(field.annotation, name))
    phase = table(PhaseConfig, "").rstrip()
    sections.append(
        "## training.dense, training.prune, training.qat\n\n"
        f"{inspect.getdoc(PhaseConfig)} Length and learning rate\ndiffer, see above.\n\n{phase}\n"
    )
    return "\n".join(sections)


def section(model: type[BaseModel], name: str) -> str:
    """Give a heading, what the section is for, and its keys."""
    return f"## {name}\n\n{inspect.getdoc(model)}\n\n{table(model, name)}"


def table(model: type[BaseModel], prefix: str) -> str:
    """Give a row for each key: name, what it may be, default, meaning."""
    meanings = docstrings(model)
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if is_section(field.annotation) and not is_phase(field.annotation):
            continue
        key = f"{prefix}.{name}" if prefix else name
        rows.append(f"| `{key}` | {value(field)} | {default(field)} | {meanings[name]} |")
    return "\n".join(rows) + "\n"


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Find the meanings of a model's fields: the string under each in the source."""
    (tree,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


def value(field: FieldInfo) -> str:
    """Say what a field may be."""
    kind, bounds = field.annotation, list(field.metadata)
    if get_origin(kind) in (Union, types.UnionType):
        kind, *others = (part for part in get_args(kind) if part is not type(None))
        if others:
            return " or ".join(value(FieldInfo(annotation=part)) for part in (kind, *others))
    if hasattr(kind, "__metadata__"):
        bounds += kind.__metadata__
        kind = kind.__origin__
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if is_phase(kind):
        return "[a phase](#trainingdense-trainingprune-trainingqat)"
    words = "list of numbers" if get_origin(kind) is tuple else WORDS[kind]
    for bound in flat(bounds):
        if isinstance(bound, annotated_types.Ge):
            words += f", at least {bound.ge}"
        elif isinstance(bound, annotated_types.Gt):
            words += f", above {bound.gt}"
        elif isinstance(bound, annotated_types.Le):
            words += f", at most {bound.le}"
        elif isinstance(bound, annotated_types.Lt):
            words += f", below {bound.lt}"
    return words


def flat(bounds: list[Any]) -> list[Any]:
    """Take the bounds out of the fields that hold them."""
    return [b for bound in bounds for b in (getattr(bound, "metadata", None) or [bound])]


def default(field: FieldInfo) -> str:
    """Give a field's default as YAML writes it."""
    given = field.default
    if given is None:
        return "none"
    if isinstance(given, PhaseConfig):
        return ", ".join(f"{key} {getattr(given, key)}" for key in ("epochs", "learning_rate"))
    if isinstance(given, bool):
        return f"`{str(given).lower()}`"
    return f"`{list(given)}`" if isinstance(given, tuple) else f"`{given}`"


def is_section(kind: Any) -> bool:
    """Tell whether a field is a mapping of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_phase(kind: Any) -> bool:
    """Tell whether a field is a phase of training, which has a table of its own."""
    return is_section(kind) and issubclass(kind, PhaseConfig)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

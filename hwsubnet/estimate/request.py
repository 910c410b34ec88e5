"""A folding that the user asks for, from a JSON file."""

import json
from collections.abc import Mapping
from pathlib import Path

from hwsubnet.errors import FoldingError
from hwsubnet.estimate.legality import Folding, check_folding, limits
from hwsubnet.estimate.options import Unit

SIZE_LIMIT = 10_000_000
"""Bytes of a folding file."""
_EXAMPLE = 'write it like {"MVAU_rtl_0": {"PE": 4, "SIMD": 9}}'


def read_folding(path: Path) -> dict[str, Folding]:
    """Read ``{node: {"PE": n, "SIMD": n, "parallel_window": 0, "resType": "lut", ...}}``.

    Raises
    ------
    FoldingError
        If the file cannot be read or has another form.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise FoldingError("is larger than 10 MB", where=path, fix=_EXAMPLE)
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FoldingError(
            f"cannot be read ({error.strerror})", where=path, fix="check the path"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FoldingError(f"is not valid JSON ({error})", where=path, fix=_EXAMPLE) from error
    if not isinstance(tree, dict):
        raise FoldingError("must be a mapping of nodes", where=path, fix=_EXAMPLE)
    for node, values in tree.items():
        if not isinstance(values, dict):
            raise FoldingError(
                "must be a mapping of parameters", where=f"{path}: {node}", fix=_EXAMPLE
            )
        for parameter, value in values.items():
            if type(value) not in (int, str):
                raise FoldingError(
                    f"{parameter} must be a whole number or a word, not {value!r}",
                    where=f"{path}: {node}",
                    fix=_EXAMPLE,
                )
    return tree


Wanted = Mapping[str, Mapping[str, int | str]]
"""Foldings by node; what is not named is free."""


def given_foldings(
    units: list[Unit], wanted: Wanted, *, ultraram: bool = False
) -> dict[str, tuple[Folding, ...]]:
    """Check a wanted folding; return the foldings of all nodes of units that it names, by unit.

    Raises
    ------
    FoldingError
        If it names unknown nodes, breaks a rule, sets a depthwise window generator apart from the
        node that it feeds, or wants `ultraram` of a part that has none.
    """
    known = [node.name for unit in units for node in unit.nodes]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5])
        raise FoldingError(
            f"names {len(unknown)} unknown node{'s'[: len(unknown) > 1]} ({shown})",
            fix=f"the graph has {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}",
        )
    for name, values in wanted.items():
        if values.get("ram_style") == "ultra" and not ultraram:
            raise FoldingError(
                "ram_style = ultra needs UltraRAM, and the part has none",
                where=name,
                fix="choose block, distributed or auto",
            )
    return {
        unit.name: _unit_folding(unit, wanted)
        for unit in units
        if any(node.name in wanted for node in unit.nodes)
    }


def _unit_folding(unit: Unit, wanted: Wanted) -> tuple[Folding, ...]:
    """Return the folding of a unit of which some node is named; what is not given stays at 1."""
    for node in unit.nodes:
        check_folding(node, wanted.get(node.name, {}))
    *windows, node = unit.nodes
    folding: Folding = dict(wanted.get(node.name, {}))
    for window in windows:
        simd = wanted.get(window.name, {}).get("SIMD")
        if simd is not None and simd != folding.setdefault("PE", simd):
            raise FoldingError(
                f"SIMD = {simd} differs from PE = {folding['PE']} of {node.name}, which it feeds",
                where=window.name,
                fix="give both the same value, or leave this node out",
            )
    own: Folding = dict.fromkeys(limits(node), 1)
    *followed, last = unit.follow(own | folding)
    return (
        *(f | dict(wanted.get(w.name, {})) for f, w in zip(followed, windows, strict=True)),
        last,
    )

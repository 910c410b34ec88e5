"""Numbers as people read them, and names from untrusted models made harmless.

The page's template escapes HTML by itself (Jinja2's autoescape). Two other readers of names need
care: plotly.js takes a subset of HTML in every text it draws, and spreadsheets take a cell that
begins with an operator for a formula.
"""

import html

UNKNOWN = "unknown"

_FORMULA = ("=", "+", "-", "@")


def number(value: float | None, digits: int = 0) -> str:
    """Format with thousands separators; ``None`` reads "unknown", never 0."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def significant(value: float | None) -> str:
    """Format with about four significant digits: 1,234,568 and 12.35 and 0.01235."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(share: float | None, digits: int = 1) -> str:
    """Format a share of 1 as percent."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def level_name(sparsity: float) -> str:
    """Name a pruning level: ``50 %``."""
    return f"{100 * sparsity:.4g} %"


def change(before: float | None, after: float | None) -> str | None:
    """Say how `after` differs from `before`: a factor for growth beyond 2, percent otherwise."""
    if before is None or after is None or before <= 0:
        return None
    ratio = after / before
    if ratio >= 2:
        return f"{ratio:.1f} \N{MULTIPLICATION SIGN}"
    difference = f"{100 * (ratio - 1):+.0f} %".replace("-", "\N{MINUS SIGN}")
    return "same" if difference in {"+0 %", "\N{MINUS SIGN}0 %"} else difference


def points(before: float | None, after: float | None) -> str | None:
    """Say how a share differs from another, in percentage points."""
    if before is None or after is None:
        return None
    difference = f"{100 * (after - before):+.1f}".replace("-", "\N{MINUS SIGN}")
    return "same" if difference in {"+0.0", "\N{MINUS SIGN}0.0"} else f"{difference} points"


def shorten(name: str, limit: int = 24) -> str:
    """Cut the middle out of a long name; its two ends tell names of one model apart."""
    if len(name) <= limit:
        return name
    keep = limit - 1
    return f"{name[: keep - keep // 2]}…{name[len(name) - keep // 2 :]}"


def plotly_text(name: str) -> str:
    """Escape a name so that plotly.js draws it as it is: no tag, no entity, no template.

    Plotly replaces ``%{...}`` only in templates, which never hold names here; the zero-width
    space is a second fence.
    """
    return html.escape(name, quote=False).replace("%{", "%\N{ZERO WIDTH SPACE}{")


def csv_text(text: str) -> str:
    """Keep a cell on one line, and mark it as text if a spreadsheet would run it as a formula."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line

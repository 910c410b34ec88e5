"""Lets Brevitas layers be pickled, as ``multiprocessing`` and other libraries do.

A Brevitas layer keeps its injector, a class derived at run time (``let``), which pickle cannot
find by name. Importing this module teaches pickle to store such a class as its base and what it
adds. hwsubnet itself never reads a pickle: its files are safetensors.
"""

import copyreg
import sys
from typing import Any

from brevitas.inject import ExtendedInjector


def derive(base: Any, name: str, added: dict[str, Any]) -> Any:
    """Derive an injector from `base`, with dependencies in the form that injectors keep them."""
    derived = type(base)(name, (base,), {})
    derived.__dependencies__.update(added)
    return derived


def reduce_injector(injector: Any) -> Any:
    """Return what pickle needs: a name for a class of a module, else how to derive it."""
    name: str = injector.__qualname__
    if getattr(sys.modules.get(injector.__module__), name, None) is injector:
        return name
    (base,) = injector.__bases__
    own, inherited = injector.__dependencies__, base.__dependencies__
    return (
        derive,
        (
            base,
            name,
            {k: v for k, v in own.items() if inherited.get(k) is not v},
        ),
    )


copyreg.pickle(type(ExtendedInjector), reduce_injector)

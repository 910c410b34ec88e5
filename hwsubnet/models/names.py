"""The names of layers that people read: in reports, foldings and hardware nodes."""

ROLES = frozenset({"conv", "linear", "norm", "activation", "relu", "mask", "quant", "act_quant"})
"""Parts of a module's path that say what it does inside its layer, not which layer it is."""


def layer_label(path: str) -> str:
    """Name the layer that the module at `path` belongs to.

    A block's convolution, norm, ReLU and quantizer are one layer: ``body.conv1.conv`` and
    ``body.conv1.activation.quant`` are both ``conv1``.
    """
    parts = path.split(".")
    if parts[0] == "body" and len(parts) > 1:
        parts = parts[1:]
    while len(parts) > 1 and parts[-1] in ROLES:
        parts.pop()
    return ".".join(parts)

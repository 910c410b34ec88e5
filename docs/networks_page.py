"""Write docs/networks.md: which networks lower to hardware completely, and what stays, and why.

Usage: ``python docs/networks_page.py``, some ten minutes; a test writes three of its rows anew.

Each network is built a tenth as wide, but in its full depth; half of the
channels of every group are pruned, it takes two steps of training with 4-bit quantization on
random images, loses the masked channels, is exported and lowered for Pynq-Z2.
"""

import logging
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.boards import load_board
from hwsubnet.compact import count, remove_channels
from hwsubnet.errors import HwsubnetError
from hwsubnet.export import export
from hwsubnet.lower import lower
from hwsubnet.models import MODELS, build
from hwsubnet.prune import find_groups, select
from hwsubnet.quant import set_quantization

PAGE = Path(__file__).parent / "networks.md"
HEAD = """\
# Networks

<!-- Written by docs/networks_page.py: run it again after changes of networks or of lowering. -->

Every network of `hwsubnet.models` is reached by `model.name` in a [recipe](config.md); what it
learns is its [task](tasks.md). Each of them trains, prunes, quantizes, compacts and exports. This
is what lowers to hardware: built narrow, in full depth, pruned to half, with 4-bit weights
and activations. Million MACs are of the full network, unpruned, at the size of the second column.

"""
COLUMNS = ("`model.name`", "images", "million MACs", "groups pruned", "hardware", "stays, and why")
SHAPES = {"mlp": (1, 28, 28), "lenet": (1, 28, 28), "cnv": (1, 28, 28), "vae": (1, 28, 28)}
"""Of their images; other networks take three colours and 32x32 pixels."""
NOTES = {
    "mlp": "three hidden layers of 64, as TFC",
    "densenet40": "at a tenth, most layers have one channel, which stays",
    "frrn-a": "FRRN A",
    "frrn-b": "FRRN B",
    "cyclegan": "generator of six blocks",
}

BEHIND = ("on the host", "is not quantized")
"""In the reasons of nodes that would be hardware if others were."""


def page() -> str:
    """Give the whole page as Markdown."""
    rule = "|---|---|--:|--:|---|---|"
    rows = []
    for name in MODELS:
        rows.append(row(name))
        sys.stderr.write(rows[-1] + "\n")
    return HEAD + "\n".join([f"| {' | '.join(COLUMNS)} |", rule, *rows]) + "\n"


def row(name: str) -> str:
    """Give one network's row."""
    shape = SHAPES.get(name, (3, 32, 32))
    spec = NetworkSpec(name=name, input_shape=shape, classes=10, width=0.1)
    network = trained(spec)
    groups = find_groups(network)
    pruned = sum(group.prunable for group in groups)
    note = f" ({NOTES[name]})" if name in NOTES else ""
    macs = count(build(spec.model_copy(update={"width": 1.0})), shape).macs / 1e6
    cells = (
        f"`{name}`{note}",
        "x".join(map(str, shape)),
        f"{macs:,.1f}",
        f"{pruned} of {len(groups)}",
        *coverage(remove_channels(network, groups), shape),
    )
    return f"| {' | '.join(cells)} |"


def trained(spec: NetworkSpec) -> nn.Module:
    """Build a network, prune half of each group and train it a little, quantized."""
    torch.manual_seed(0)
    network = build(spec)
    for group in find_groups(network):
        if group.prunable:
            group.set_mask(select(torch.rand(group.channels), 0.5, layers=group.layers))
    set_quantization(network, weights=True, activations=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        network(torch.rand(4, *spec.input_shape)).square().mean().backward()
        optimizer.step()
    return network.eval()


def coverage(network: nn.Module, shape: tuple[int, int, int]) -> tuple[str, str]:
    """Say how much of a network lowers, and what stays on the host."""
    images = torch.randint(256, (1, *shape), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(network, images, folder)
        try:
            lowered = lower(folder / "model.onnx", folder / "lower", load_board("Pynq-Z2"))
        except HwsubnetError as error:
            return "none", error.what
    left = lowered.coverage.left
    if not left:
        return "completely", ""
    causes = dict.fromkeys(n.why for n in left if not any(mark in n.why for mark in BEHIND))
    behind = sum(node.why not in causes for node in left)
    told = "; ".join(causes) + (f"; {behind} nodes that read what these give" if behind else "")
    return f"{lowered.coverage.converted} of {lowered.coverage.converted + len(left)} nodes", told


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    PAGE.write_text(page(), encoding="utf-8")

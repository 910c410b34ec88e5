"""Whether masked, compact and exported network agree, and the integer graph, on a whole test set.

Prints one JSON document: by level, on how many test images another class comes out, and by how much
the logits differ at most.

    python benchmarks/agreement.py runs/fashion-cnv
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from hwsubnet.artifacts import CompactNetwork, ExportedModel, LoweredGraph, TrainedNetwork
from hwsubnet.compact import load_compact
from hwsubnet.data import load_data, to_real
from hwsubnet.flow.run import recorded_config
from hwsubnet.lower import verify
from hwsubnet.lower.reference import Reference
from hwsubnet.models import load_network

CHUNK = 500


def logits(model: torch.nn.Module, x: torch.Tensor) -> NDArray[np.float32]:
    """Evaluate a torch network in float32."""
    with torch.no_grad():
        return torch.cat([model(part) for part in torch.split(x, CHUNK)]).numpy()


def qonnx_logits(path: Path, x: torch.Tensor) -> NDArray[np.float32]:
    """Evaluate a QONNX model in float32."""
    model = onnx.load(path)
    output = model.graph.output[0].name
    reference = Reference(model, [output])
    parts = torch.split(x, CHUNK)
    return np.concatenate([reference.run(part.numpy())[output] for part in parts])


def compare(level: Path, x: torch.Tensor) -> dict[str, Any]:
    """Compare one level's networks."""
    trained, compact = TrainedNetwork.load(level / "train"), CompactNetwork.load(level / "compact")
    exported, lowered = ExportedModel.load(level / "export"), LoweredGraph.load(level / "lower")
    model = level / "export" / exported.model.path
    found = {
        "masked": logits(load_network(trained.spec, level / "train" / trained.weights.path), x),
        "compact": logits(load_compact(compact, level / "compact"), x),
        "exported": qonnx_logits(model, x),
    }
    check = verify(lowered, level / "lower", model, x.numpy())
    return {
        "sparsity": trained.sparsity,
        "images": len(x),
        "pairs": {
            f"{one}, {other}": {
                "class_changes": int((found[one].argmax(1) != found[other].argmax(1)).sum()),
                "largest_difference": float(np.abs(found[one] - found[other]).max()),
            }
            for one, other in itertools.combinations(found, 2)
        },
        "largest_logit": float(np.abs(found["masked"]).max()),
        "integer_graph": check.model_dump(),
    }


def main() -> None:
    """Compare every level of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    config = recorded_config(run)
    x = to_real(load_data(config.data, config.seed).test.images).contiguous()
    print(json.dumps([compare(level, x) for level in sorted(run.glob("level-*"))], indent=2))


if __name__ == "__main__":
    main()

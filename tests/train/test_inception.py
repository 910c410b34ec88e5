"""Inception's features: read from safetensors alone, and only by the network that they are of."""

import importlib.util
import sys

import pytest
import torch
from safetensors.torch import save_file

from hwsubnet.errors import ModelError, ToolError
from hwsubnet.train.tasks.inception import inception

needs_torch_fidelity = pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is None, reason="needs the extra `fid`"
)


def test_without_torch_fidelity_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ToolError, match=r"pip install 'hwsubnet\[fid\]'"):
        inception(tmp_path / "inception.safetensors")


@needs_torch_fidelity
@pytest.mark.parametrize(
    "content", [None, b"\x80\x04.", "other"], ids=["missing", "pickle", "other"]
)
def test_other_files_are_one_line(content, tmp_path):
    path = tmp_path / "inception.safetensors"
    if content == "other":
        save_file({"weight": torch.zeros(2)}, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="does not hold the Inception network's weights") as error:
        inception(path)
    assert len(str(error.value)) < 500


@needs_torch_fidelity
def test_features_are_2048_numbers_an_image(tmp_path, monkeypatch):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with monkeypatch.context() as patch:  # its shapes, before anything is loaded
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        patch.setattr(torch, "load", lambda *_, **__: {})
        empty = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path="none"
        )
    path = tmp_path / "inception.safetensors"
    save_file({name: w.contiguous() for name, w in empty.state_dict().items()}, path)
    network = inception(path)
    assert network(torch.randint(256, (2, 3, 40, 50), dtype=torch.uint8)).shape == (2, 2048)
    for name, weights in empty.state_dict().items():
        assert torch.equal(network.state_dict()[name], weights), name

import pytest

from hwsubnet.models import layer_label


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("body.conv1.conv", "conv1"),
        ("body.conv1.activation.quant.act_quant", "conv1"),
        ("body.stage1.0.conv2.norm", "stage1.0.conv2"),
        ("body.stage1.0.add.quant", "stage1.0.add"),
        ("body.pool", "pool"),
        ("body", "body"),
        ("conv", "conv"),
        ("classifier", "classifier"),
    ],
)
def test_a_block_is_one_layer(path: str, label: str) -> None:
    assert layer_label(path) == label

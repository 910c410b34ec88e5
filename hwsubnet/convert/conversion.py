"""``convert``: the masked, quantized form of a float network."""

from torch import fx, nn

from hwsubnet.artifacts import Precision
from hwsubnet.convert.canonical import draft
from hwsubnet.convert.folding import fold_norms as fold
from hwsubnet.convert.placement import place
from hwsubnet.convert.rewriting import Inputs, Rewriting, Signed
from hwsubnet.convert.selection import Selection
from hwsubnet.errors import ModelError
from hwsubnet.prune import ChannelMask
from hwsubnet.quant import QuantIdentity

DEFAULT = Precision()
ALL = Selection()


def convert(
    model: nn.Module,
    precision: Precision = DEFAULT,
    *,
    weights: Selection = ALL,
    activations: Selection = ALL,
    masks: Selection = ALL,
    inputs: Inputs = "pixels",
    signed: Signed = "symmetric",
    fold_norms: bool = False,
) -> fx.GraphModule:
    """Return the masked and quantized form of a float network.

    The network is traced with torch.fx and copied; its own code and weights stay as they are.
    Layers keep their names, so that a float ``state_dict`` fits but for what is new; at the top
    level, names that a ``GraphModule`` has itself, such as ``code``, get an underscore. Masks keep
    all channels and quantizers are off until a schedule or
    :func:`hwsubnet.quant.set_quantization` changes that: before, the result computes what `model`
    does (but for the input, which is rounded to pixels at once).

    Parameters
    ----------
    model
        What ``torch.fx`` can trace: the same calls for every input, in training and evaluation.
        Functions, reused activation modules, views and in-place additions are understood.
    precision
        Bits of weights and activations, and the weights' range.
    weights
        Which layers are quantized; candidates are those of
        :data:`hwsubnet.quant.WEIGHT_LAYERS`, by their names.
    activations
        Where quantizers stand. Candidates are the sites that hardware needs: activation
        functions, norms and layers that a layer reads, averages, and additions (``add``) and
        concatenations (``cat``) whose operands share a scale. A function has the name that its
        module would have, such as ``layer1.0.relu``.
    masks
        Where channel masks stand; candidates are the activation functions, norms and layers among
        these sites. Channels that a layer reads past any mask are exempt from pruning.
    inputs
        How the network's inputs are quantized: as images of 8-bit pixels in [0, 1], with so many
        bits on an observed range, or not at all.
    signed
        Quantizer of values that may be negative: on a symmetric range, or with a zero point.
        Operands of additions and concatenations always share a symmetric one.
    fold_norms
        Whether norms are folded into the layers in front of them, with their present statistics.

    Returns
    -------
    GraphModule
        In the mode, and on the device, of `model`.

    Raises
    ------
    ModelError
        If the network cannot be traced, naming the line, or is quantized already.
    ConfigError
        If a rule matches nothing.
    """
    if any(isinstance(part, ChannelMask | QuantIdentity) for part in model.modules()):
        raise ModelError("is converted already", where=type(model).__name__)
    written = draft(model)
    if fold_norms:
        fold(written)
    placement = place(written, pixels=inputs == "pixels")
    rewriting = Rewriting(written, placement, precision, signed)
    rewriting.quantize_weights(weights)
    rewriting.place_sites(activations, masks, inputs)
    network = rewriting.finish(type(model).__name__)
    device = next((tensor.device for tensor in model.state_dict().values()), None)
    network.training = model.training
    return network.to(device) if device is not None else network

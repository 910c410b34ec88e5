"""What each ONNX and QONNX op becomes; one file a family, one handler an op."""

from hwsubnet.lower.operation import Handler
from hwsubnet.lower.ops import elementwise, linear, pool, quantize, shape, transposed

HANDLERS: dict[str, Handler] = (
    elementwise.HANDLERS
    | linear.HANDLERS
    | pool.HANDLERS
    | quantize.HANDLERS
    | shape.HANDLERS
    | transposed.HANDLERS
)

"""What can be known to fail is found before anything is written or trained."""

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import SweepConfig
from hwsubnet.tools import require_all


def check(config: SweepConfig) -> None:
    """Make sure that a run can be carried out, as far as that shows beforehand.

    Raises
    ------
    DatasetError
        If the data set is missing or damaged.
    ConfigError
        If there is no such network, it cannot learn from such data, a level would empty a layer,
        or the pruning schedule does not fit into its phase.
    ToolError
        If a tool is missing that simulates or synthesizes the RTL.
    """
    from hwsubnet.data import load_data, steps_per_epoch
    from hwsubnet.models import build
    from hwsubnet.prune.schedules import find_parts, make_schedule
    from hwsubnet.train import make_task

    if config.hardware.simulate_images or config.hardware.synthesize:
        require_all("verilator", "g++", "make")  # synthesis needs the depths of FIFOs
    if config.hardware.synthesize:
        require_all("yosys")
    task = make_task(config)
    data = load_data(config.data, config.seed)
    task.check(config.model.name, data)
    network = build(
        NetworkSpec(
            name=config.model.name,
            input_shape=data.shape,
            classes=data.classes,
            width=config.model.width,
            precision=config.precision,
        )
    )
    parts = find_parts(config.pruning, network)
    steps = steps_per_epoch(data.train, config.training.batch)
    for sparsity in config.pruning.levels:
        if sparsity > 0:
            make_schedule(config, parts, sparsity, steps)

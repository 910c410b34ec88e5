"""What can be known to fail is found before anything is written or trained."""

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.boards import load_board
from hwsubnet.config import SweepConfig


def check(config: SweepConfig) -> None:
    """Make sure that a run can be carried out, as far as that shows beforehand.

    Raises
    ------
    BoardError
        If the board is not known or malformed.
    DatasetError
        If the data set is missing or damaged.
    ConfigError
        If there is no such network, a level would empty a layer, or the pruning schedule does not
        fit into its phase.
    """
    load_board(config.hardware.board)  # first, because all else takes seconds to import

    from hwsubnet.data import load_data, steps_per_epoch
    from hwsubnet.models import build
    from hwsubnet.prune import channels_to_keep, find_groups
    from hwsubnet.prune.schedules import make_schedule

    data = load_data(config.data, config.seed)
    channels, height, width = data.train.images.shape[1:]
    network = build(
        NetworkSpec(
            name=config.model.name,
            input_shape=(channels, height, width),
            classes=data.classes,
            width=config.model.width,
            precision=config.precision,
        )
    )
    groups = [group for group in find_groups(network) if group.prunable]
    steps = steps_per_epoch(data.train, config.training.batch)
    for sparsity in config.pruning.levels:
        for group in groups:
            channels_to_keep(group.channels, sparsity, where=group.name)
        if sparsity > 0:
            make_schedule(config, groups, sparsity, steps)

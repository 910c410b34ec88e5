"""Checkpoints as safetensors: tensors as they are, all else as JSON in the header, no pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hwsubnet.artifacts import digest, replacing
from hwsubnet.errors import OutputError

Tree = dict[str, Any]


class SafetensorsIO(CheckpointIO):  # type: ignore[misc]  # lightning is not type-checked here
    """Lets Fabric save and load any tree of dicts, lists, tensors and JSON scalars.

    The file is replaced at once or not at all. What comes back equals what was saved, the types of
    dict keys and the memory order of images' tensors included; tuples come back as lists.
    """

    def save_checkpoint(
        self, checkpoint: Tree, path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write `checkpoint` to `path`.

        Raises
        ------
        OutputError
            If the folder cannot be written or the disk is full.
        TypeError
            If the tree holds what JSON cannot.
        """
        tensors: dict[str, Tensor] = {}
        tree = _flatten(checkpoint, "", tensors)
        header = {"tree": json.dumps(tree), "sha256": _checksum(tensors)}
        with replacing(Path(path)) as temporary:
            try:
                save_file(tensors, temporary, metadata=header)
            except SafetensorError as error:
                raise OSError(str(error)) from error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> Tree:
        """Read what `save_checkpoint` wrote, onto the CPU.

        Raises
        ------
        OutputError
            If the file is missing or damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header["sha256"] != _checksum(tensors):
                raise ValueError("its checksum is wrong")
            tree = _unflatten(json.loads(header["tree"]), tensors)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"is not a readable checkpoint ({error})",
                where=path,
                fix="delete it to start the training over",
            ) from error
        if not isinstance(tree, dict):
            raise OutputError("is not a checkpoint of a training", where=path, fix="delete it")
        return tree

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete the file, if it is there."""
        Path(path).unlink(missing_ok=True)


def _checksum(tensors: dict[str, Tensor]) -> str:
    values = {name: t.reshape(-1).view(torch.uint8).numpy() for name, t in tensors.items()}
    return digest(*(part for name in sorted(values) for part in (name, values[name].tobytes())))


def _flatten(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Give the JSON form of a tree and collect its tensors under their paths."""
    match value:
        case Tensor():
            last = value.dim() == 4 and not value.is_contiguous()
            last = last and value.is_contiguous(memory_format=torch.channels_last)
            # Cloned, because safetensors refuses tensors that share memory.
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {"tensor": name, "channels_last": last}
        case dict():
            return {
                "dict": [[key, _flatten(v, f"{name}/{key}", tensors)] for key, v in value.items()]
            }
        case list() | tuple():
            return {"list": [_flatten(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]}
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__} ({name})")


def _unflatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    match value:
        case {"tensor": name, "channels_last": last}:
            order = torch.channels_last if last else torch.contiguous_format
            return tensors[name].contiguous(memory_format=order)
        case {"dict": items}:
            return {key: _unflatten(v, tensors) for key, v in items}
        case {"list": items}:
            return [_unflatten(v, tensors) for v in items]
    return value

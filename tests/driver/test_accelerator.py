"""The driver against the emulated board: the shell's RTL, a small network, a memory that pauses."""

import json

import numpy as np
import pytest

from hwsubnet.driver import Accelerator
from hwsubnet.driver.__main__ import main
from hwsubnet.errors import DeviceError, Mismatch, ModelError
from hwsubnet.simulate.emulated import pynq_model

pytestmark = pytest.mark.usefixtures("pynq")


@pytest.fixture
def accelerator(bitfile):
    with Accelerator(bitfile, timeout=None) as found:
        yield found


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_outputs_are_those_of_the_golden_model(accelerator, package, frames):
    x = package.frames(frames)
    assert np.array_equal(accelerator.run(x), package.expected(x))


def test_a_batch_longer_than_a_transfer(bitfile, package):
    x = package.frames(23)
    size = 4 * package.interface.input.row_bytes
    with Accelerator(bitfile, buffer_bytes=size, timeout=None) as accelerator:
        assert accelerator.frames_per_transfer == 4
        assert np.array_equal(accelerator.run(x), package.expected(x))
        assert np.array_equal(accelerator.run(x[:4]), package.expected(x[:4]))


def test_predict_gives_the_class_along_axis_1(accelerator, package):
    x = package.frames(3)
    assert np.array_equal(accelerator.predict(x), package.expected(x).argmax(axis=1))


def test_flat_frames_lists_and_other_float_types_are_read_alike(accelerator, package):
    x = package.frames(2)
    expected = package.expected(x)
    for other in (x.reshape(2, -1), x.astype(np.float64), x.tolist()):
        assert np.array_equal(accelerator.run(other), expected)


def test_the_clock_is_set(accelerator, package):
    assert accelerator.clock_mhz == package.interface.clock_mhz


def test_buffers_are_given_back(bitfile):
    before = pynq_model.device.memory.taken
    with Accelerator(bitfile, timeout=None):
        assert pynq_model.device.memory.taken == before + 4
    assert pynq_model.device.memory.taken == before


def test_benchmark_counts_its_frames(accelerator):
    found = accelerator.benchmark(frames=5)
    assert found["frames"] == 5
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3, 4, 4)), r"shape \(2, 3, 4, 4\), the model takes frames of shape"),
        (np.zeros((0, 1, 4, 4)), r"shape \(0, 1, 4, 4\)"),
        (np.full((1, 1, 4, 4), "a"), "not of real numbers"),
        (np.full((1, 1, 4, 4), 255.0), "leave the model's range 0 to 1"),
        (np.full((1, 1, 4, 4), np.nan), "frame 0 of the input holds NaN"),
    ],
    ids=["shape", "none", "text", "bytes", "nan"],
)
def test_wrong_inputs_are_refused_and_the_next_ones_run(accelerator, package, x, message):
    with pytest.raises(ModelError, match=message):
        accelerator.run(x)
    x = package.frames(1)
    assert np.array_equal(accelerator.run(x), package.expected(x))


@pytest.mark.parametrize("suffix", [".bit", ".hwh", ".json"])
def test_a_missing_file_is_named(bitfile, suffix):
    bitfile.with_suffix(suffix).unlink()
    with pytest.raises(DeviceError, match=rf"net\{suffix}: is missing; PYNQ needs NAME.bit and"):
        Accelerator(bitfile)


def test_a_file_of_another_kind_is_refused(bitfile):
    with pytest.raises(DeviceError, match=r"a bitstream is a file \*.bit"):
        Accelerator(bitfile.with_suffix(".hwh"))


def test_files_of_different_designs_are_refused(bitfile):
    path = bitfile.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"beat_bytes": 4}))
    with pytest.raises(DeviceError, match=r"mm2s_tdata_width \d+, net.json says 32"):
        Accelerator(bitfile)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format": 2}, "format 2, this driver reads 1"), ({"input": {}}, "units"), ({"x": 1}, "x")],
    ids=["format", "field", "unknown"],
)
def test_a_damaged_description_is_refused(bitfile, change, message):
    path = bitfile.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DeviceError, match=rf"net.json: is not a readable description.*{message}"):
        Accelerator(bitfile)


def test_a_dma_that_does_not_answer(package, tmp_path):
    hung = package.altered(tmp_path, pause=100)
    with (
        Accelerator(hung, timeout=0.2) as accelerator,
        pytest.raises(DeviceError, match=r"did not end sending within 0.2 s; make a new"),
    ):
        accelerator.run(package.frames(1))


def test_an_error_of_the_dma_is_told(accelerator, package, monkeypatch):
    """Of a buffer outside memory, which the DMA cannot read."""
    monkeypatch.setattr(pynq_model.PynqBuffer, "physical_address", 0)
    with pytest.raises(DeviceError, match="the DMA reports an error while sending; make a new"):
        accelerator.run(package.frames(1))


def test_after_a_transfer_that_did_not_end_none_is_begun(package, tmp_path):
    hung = package.altered(tmp_path, pause=100)
    with Accelerator(hung, timeout=0.1) as accelerator:
        for message in (
            "did not end sending",
            r"no transfer \(DMA channel not idle\); make a",
        ):
            with pytest.raises(DeviceError, match=message):
                accelerator.run(package.frames(1))


def test_a_closed_one_is_told(bitfile, package):
    with Accelerator(bitfile) as accelerator:
        pass
    with pytest.raises(DeviceError, match="this Accelerator is closed; make a new Accelerator"):
        accelerator.run(package.frames(1))


def test_what_pynq_cannot_load_is_told(bitfile, monkeypatch):
    import pynq

    def refuses(*_):
        raise PermissionError("Root permissions required")

    monkeypatch.setattr(pynq, "Overlay", refuses)
    with pytest.raises(DeviceError, match=r"net.bit: cannot be loaded \(Root.*; run this on a"):
        Accelerator(bitfile)


def test_too_little_memory_is_told(bitfile, monkeypatch):
    monkeypatch.setattr(pynq_model.device.memory, "take", lambda _: _full())
    with pytest.raises(DeviceError, match=r"no memory for the DMA's buffers \(.*buffer_bytes"):
        Accelerator(bitfile)


def _full():
    raise MemoryError("Failed to allocate memory.")


def test_without_pynq_the_way_out_is_told(bitfile, monkeypatch):
    import sys

    for name in ("pynq", "pynq.lib", "pynq.lib.dma"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DeviceError, match=r"pynq cannot be imported .*run this on a PYNQ board"):
        Accelerator(bitfile)


def golden(package, path, wrong=0):
    x = package.frames(4)
    y = package.expected(x)
    y[:wrong] += 1
    np.savez(path, x=x, y=y)
    return str(path)


def test_golden_vectors_are_checked(accelerator, package, tmp_path):
    with np.load(golden(package, tmp_path / "golden.npz", wrong=3)) as archive:
        with pytest.raises(Mismatch, match="3 of 4 frames differ"):
            accelerator.check(archive["x"], archive["y"])
        with pytest.raises(Mismatch, match="outputs have shape"):
            accelerator.check(archive["x"], archive["y"][:2])


def test_the_command_prints_one_document(bitfile, package, tmp_path, capsys):
    vectors = golden(package, tmp_path / "golden.npz")
    arguments = [str(bitfile), "--golden", vectors, "--frames", "3", "--timeout", "0"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["checked"], found["frames"]) == (4, 3)


def test_the_command_tells_what_is_wrong(bitfile, package, tmp_path, capsys):
    arguments = [str(bitfile), "--timeout", "0", "--frames", "0", "--golden"]
    assert main([*arguments, golden(package, tmp_path / "golden.npz", wrong=1)]) == 1
    assert "1 of 4 frames differ" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "none.npz")]) == 2
    assert "holds no golden vectors" in capsys.readouterr().err

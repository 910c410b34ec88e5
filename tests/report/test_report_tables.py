import csv
import io
import json

import pytest

from hwsubnet.artifacts import ChosenWidths, GroupWidth, Reckoned, Report, Resources
from hwsubnet.report import page, tables, write_report


def _rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tables.to_csv(report))))


def test_one_row_per_level_under_one_header(synthetic, empty):
    full, bare = tables.to_csv(synthetic()), tables.to_csv(empty)
    assert full.splitlines()[0] == bare.splitlines()[0] == ",".join(tables.CSV_HEADER)
    assert [row["sparsity"] for row in _rows(synthetic())] == ["0.0", "0.25", "0.5", "0.75"]


def test_the_columns_that_others_rely_on():
    assert {
        "board",
        "part",
        "clock_mhz",
        "sparsity",
        "accuracy_float",
        "accuracy_quantized",
        "cycles_per_frame",
        "latency_cycles",
        "fps",
        "analytical_LUT",
        "vendor_URAM",
        "shell_synthesized_LUT",
        "utilization_BRAM18",
        "fits",
        "channels_kept",
        "verification_differing",
        "simulation_mismatches",
        "coverage_left",
    } <= set(tables.CSV_HEADER)
    assert len(set(tables.CSV_HEADER)) == len(tables.CSV_HEADER)


def test_cells_hold_the_report_exactly(synthetic):
    report = synthetic()
    row, level = _rows(report)[2], report.levels[2]
    assert float(row["fps"]) == level.fps
    assert float(row["analytical_LUT"]) == level.resources["analytical"].LUT
    assert float(row["accuracy_quantized"]) == level.accuracy.quantized
    assert json.loads(row["channels"])["conv0"] == level.channels["conv0"].kept
    assert json.loads(row["folding"])["conv0_mvau"] == {"PE": 4, "SIMD": 8}
    assert row["fits"] == "true"
    assert row["shell_synthesized_FF"] == ""


def test_unknown_is_an_empty_cell(empty):
    row = _rows(empty)[0]
    known = {"name", "board", "part", "clock_mhz", "sparsity"}
    assert {key for key, cell in row.items() if cell} == known


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " ="])
def test_no_cell_is_a_formula(synthetic, start):
    hostile = f"{start}HYPERLINK(1)"
    report = synthetic(name=hostile, layers=(hostile, "b"))
    rows = _rows(report)
    assert len(rows) == len(report.levels)
    for row in rows:
        assert row["name"].startswith("'")
        assert row["name"].endswith("HYPERLINK(1)")
        assert not any(cell.strip().startswith(("=", "+", "-", "@")) for cell in row.values())


def test_folding_lists_every_node_with_its_rung(synthetic):
    level = synthetic().levels[0]
    table = tables.folding_table(level)
    assert [row[0] for row in table.rows] == [node.node for node in level.nodes]
    assert table.header[6] == "LUT (analytical)"
    window = next(row for row in table.rows if row[0] == "conv0_window")
    assert window[6] == "unknown"
    assert "FF" not in " ".join(table.header)


def test_a_folded_node_without_an_estimate_is_not_lost(synthetic):
    level = synthetic().levels[0]
    partial = level.model_copy(update={"nodes": level.nodes[:1]})
    assert len(tables.folding_table(partial).rows) == len(level.folding)


def test_what_is_left_is_listed_once_with_its_levels(synthetic):
    (row,) = tables.coverage_table(synthetic()).rows
    assert row == ("Mul_0", "Mul", "scales the output", "0 %, 25 %, 50 %, 75 %")


def test_checks_that_did_not_run_say_so(empty):
    (row, _) = tables.checks_table(empty).rows
    assert row[1] == row[5] == "not run"
    assert "0" not in row[1:]


def test_provenance_is_flattened(synthetic):
    rows = dict(tables.provenance_table(synthetic().provenance).rows)
    assert rows["data.name"] == "invented"
    assert rows["seed"] == "0"


def test_the_report_survives_a_round_trip(synthetic, tmp_path):
    write_report(synthetic(), tmp_path)
    assert Report.load(tmp_path) == synthetic()
    assert (tmp_path / "report.csv").read_text() == tables.to_csv(synthetic())


def _with_widths(report: Report, *, plain: bool = True) -> Report:
    """The report with widths chosen at its third level."""

    def reckoned(cycles: int, lut: float) -> Reckoned:
        used = Resources(LUT=lut, FF=9000, BRAM18=5, URAM=0, DSP=80)
        return Reckoned(cycles_per_frame=cycles, fps=1e8 / cycles, resources=used, utilization={})

    group = GroupWidth(group="body.conv0", layer="conv0", of=32, plain=19, kept=20)
    chosen = ChosenWidths(
        groups=(group,),
        plain=reckoned(400, 12_000) if plain else None,
        chosen=reckoned(250, 12_600),
        tried=9,
    )
    third = report.levels[2].model_copy(update={"widths": chosen})
    levels = (*report.levels[:2], third, *report.levels[3:])
    return report.model_copy(update={"levels": levels})


def test_widths_are_shown_against_plain_counts(synthetic):
    assert tables.widths_table(synthetic()).rows == ()
    left, kept = tables.widths_table(_with_widths(synthetic())).rows
    assert left[:4] == ("50 %, left by the level", "conv0 19", "250,000", "400")
    assert kept[:5] == (
        "50 %, kept", "conv0 20", "400,000 (+60 %)", "250 (\N{MINUS SIGN}38 %)", "12,600 (+5 %)"
    )  # fmt: skip
    assert kept[5:] == ("80", "5", "9,000", "0")
    left, kept = tables.widths_table(_with_widths(synthetic(), plain=False)).rows
    assert left[2:4] == ("does not fit", "unknown")
    assert kept[2] == "400,000"


def test_the_csv_has_both_widths(synthetic):
    rows = _rows(_with_widths(synthetic()))
    assert float(rows[2]["widths_plain_fps"]) == 250_000
    assert float(rows[2]["widths_chosen_fps"]) == 400_000
    assert float(rows[2]["widths_plain_LUT"]) == 12_000
    assert json.loads(rows[2]["widths"]) == {"conv0": {"of": 32, "plain": 19, "kept": 20}}
    assert {cell for name, cell in rows[1].items() if name.startswith("widths")} == {""}


def test_the_page_tells_of_widths_only_where_they_were_chosen(synthetic):
    heading = "Widths chosen for the board"
    assert heading not in page.render(synthetic())
    assert heading in page.render(_with_widths(synthetic()))

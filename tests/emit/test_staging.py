import pytest
from support.rtl_readers import read_by_slang, read_by_verilator

from hwsubnet.errors import ToolError
from hwsubnet.finn_adapter.staging import RULES, Rule, stage, upstream

# Modules that stop at a file's constructs only once these parameters select them.
GROUPS = {
    "mvu_vvu_axi": (
        (
            *("mvu/mvu_pkg.sv", "mvu/add_multi.sv", "mvu/replay_buffer.sv", "mvu/mvu.sv"),
            *("mvu/mvu_vvu_8sx9_dsp58.sv", "mvu/mvu_vvu_axi.sv"),
        ),
        {
            **{"IS_MVU": 1, "VERSION": 1, "MW": 9, "MH": 6, "PE": 3, "SIMD": 3},
            **{"ACTIVATION_WIDTH": 8, "WEIGHT_WIDTH": 4, "ACCU_WIDTH": 16},
            **{"NARROW_WEIGHTS": 1, "FORCE_BEHAVIORAL": 1},
        },
    ),
    "thresholding_axi": (
        (
            *("axi/hdl/axilite.sv", "thresholding/hdl/thresholding.sv"),
            "thresholding/hdl/thresholding_axi.sv",
        ),
        {"WI": 16, "WT": 16, "N": 15, "C": 6, "PE": 2, "USE_AXILITE": 0},
    ),
    "fifo": (("fifo/hdl/fifo.sv",), {"DEPTH": 600, "DATA_WIDTH": 8}),
    "vpc": (("dwc/hdl/vpc.sv",), {"W": 4, "N": 6, "PI": 3, "PO": 2}),
    "memstream_axi": (
        (
            *("axi/hdl/axilite.sv", "memstream/hdl/memstream.sv"),
            "memstream/hdl/memstream_axi.sv",
        ),
        {"SETS": 1, "DEPTH": 6, "WIDTH": 36},
    ),
}
READERS = {"verilator": read_by_verilator, "slang": read_by_slang}


def top_of(file: str) -> str:
    return next(top for top, (files, _) in GROUPS.items() if file in files)


def write(folder, top, skipped: Rule | None = None):
    paths = []
    for file in GROUPS[top][0]:
        text = upstream(file)
        for rule in RULES:
            if rule.file == file and rule is not skipped:
                text = rule.apply(text)
        paths.append(folder / file.replace("/", "_"))
        paths[-1].write_text(text)
    return paths


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("top", GROUPS)
def test_staged_modules_are_read(top, reader, tmp_path):
    assert READERS[reader](write(tmp_path, top), top, GROUPS[top][1]) == ""


@pytest.mark.parametrize(
    ("rule", "reader"),
    [(rule, reader) for rule in RULES for reader in rule.readers],
    ids=lambda value: getattr(value, "name", value),
)
def test_rule_is_still_needed(rule, reader, tmp_path):
    top = top_of(rule.file)
    complaint = READERS[reader](write(tmp_path, top, skipped=rule), top, GROUPS[top][1])
    assert complaint, "upstream is portable now: remove the rule"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_that_no_longer_fits_is_loud(rule):
    changed = upstream(rule.file).replace(rule.edits[0][0], "")
    with pytest.raises(ToolError, match=r"no longer fits .*finn-plus \d+\.\d+") as caught:
        rule.apply(changed)
    assert rule.name in str(caught.value)


def test_rules_change_each_file_only_where_they_say():
    for file in {rule.file for rule in RULES}:
        before, after = upstream(file).splitlines(), stage(file).splitlines()
        rules = [rule for rule in RULES if rule.file == file]
        touched = sum(
            len(side.splitlines()) for rule in rules for edit in rule.edits for side in edit
        )
        assert len(set(before) ^ set(after)) <= touched


def test_a_missing_file_is_told():
    with pytest.raises(ToolError, match=r"has no finn-rtllib/mvu/none\.sv"):
        stage("mvu/none.sv")

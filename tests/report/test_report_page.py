import re
from html.parser import HTMLParser

import pytest

from hwsubnet.artifacts import Resources
from hwsubnet.errors import OutputError
from hwsubnet.report import write_report
from hwsubnet.report.page import render

VOID = {"meta", "br", "link", "img", "input", "hr"}
HOSTILE = """<script>alert("x")</script>'"><img src=x onerror=alert(1)>&lt;b&gt;%{x}</style>"""


class Page(HTMLParser):
    """Collects elements and text, and refuses elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"sparsities": [0.5]},
        {"sparsities": [place / 10 for place in range(10)]},
        {"layers": [f"layer{place}" for place in range(40)]},
        {"lut": False},
    ],
    ids=["four", "one", "ten", "deep", "no-lut"],
)
def test_every_shape_of_report_gives_a_whole_page(synthetic, shape):
    report = synthetic(**shape)
    page = Page(render(report))
    assert page.count("h1") == 1
    assert page.count("script") == 3
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {"accuracy-resource", "accuracy-fps", "layers-dsp", "channels", "cycles"} <= set(ids)
    for level in report.levels:
        assert f"{level.macs:,}" in page.text


def test_the_shell_has_rows_of_its_own(synthetic):
    report = synthetic(sparsities=(0.0, 0.5))
    assert ", shell" not in Page(render(report)).text
    shell = {"synthesized": Resources(LUT=547, FF=375, BRAM18=0, URAM=0, DSP=0)}
    levels = [level.model_copy(update={"shell": shell}) for level in report.levels]
    text = Page(render(report.model_copy(update={"levels": tuple(levels)}))).text
    assert "LUT, shell" in text
    assert text.count("547") == 2
    assert text.count("375") == 2


def test_a_level_without_accelerator_says_why(synthetic):
    report = synthetic(sparsities=(0.0, 0.5))
    assert "no accelerator" not in Page(render(report)).text
    half = report.levels[1].model_copy(update={"fits": False, "infeasible": f"no {HOSTILE}"})
    text = Page(render(report.model_copy(update={"levels": (report.levels[0], half)}))).text
    assert f"at 50 % sparsity there is no accelerator: no {HOSTILE}" in text


def test_a_report_that_knows_nothing_says_so(empty):
    page = Page(render(empty))
    assert "Nothing to draw yet" in page.text
    assert page.text.count("unknown") > 20
    assert not re.search(r"\b0 (LUT|FPS)", page.text)
    assert "None" not in page.text


def test_a_report_without_levels_is_still_a_page(empty):
    Page(render(empty.model_copy(update={"levels": ()})))


def test_every_plot_has_its_numbers_in_a_table(synthetic):
    page = Page(render(synthetic()))
    plots = sum(attributes.get("class") == "plot" for _, attributes in page.elements)
    assert plots == 7
    assert page.text.count("The numbers as a table") == plots


def test_the_same_report_gives_the_same_bytes(synthetic, tmp_path):
    for run in ("a", "b"):
        write_report(synthetic(), tmp_path / run)
    for name in ("report.html", "report.csv", "report.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_nothing_is_requested(synthetic):
    page = Page(render(synthetic()))
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert (attributes.get(name) or "#").startswith("#")
    policy = next(a["content"] for _, a in page.elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_names_from_a_model_stay_text(synthetic):
    plain = Page(render(synthetic(layers=("a", "b"))))
    report = synthetic(layers=(HOSTILE, "b"), name=HOSTILE)
    page = Page(render(report))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in page.text
    assert not re.search(r"<script>alert|<img", render(report))


def test_an_unwritable_folder_is_one_line(synthetic, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(synthetic(), tmp_path / "file" / "out")


def test_a_report_on_single_weights_says_that_hardware_does_not_shrink(synthetic):
    report = synthetic()
    assert "does not shrink" not in Page(render(report)).text
    assert "weights set to 0" not in Page(render(report)).text
    levels = [
        level.model_copy(update={"zero_weights": round(1000 * level.sparsity)})
        for level in report.levels
    ]
    text = Page(render(report.model_copy(update={"levels": tuple(levels)}))).text
    assert "the hardware does not shrink" in text
    assert "share of channels removed" not in text
    assert "weights set to 0 they keep their place in hardware" in text
    assert "750" in text

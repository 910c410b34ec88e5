"""The guide's example of a network of one's own runs as it stands."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


def test_your_own_network(tmp_path, monkeypatch, capsys):
    section = GUIDE.read_text().partition("## Your own network")[2].partition("\n## ")[0]
    code = "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "guide"}
    exec(compile(code, str(GUIDE), "exec"), names)
    assert names["lowered"].coverage.left == ()
    assert names["small"].conv1.in_channels == names["small"].stem.out_channels == 4
    assert "stem 8 can be pruned" in capsys.readouterr().out

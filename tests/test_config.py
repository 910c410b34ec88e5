"""Recipes: presets load, what is left out keeps its default, and nonsense is one clear line."""

import pytest

from hwsubnet.config import SweepConfig, load_config, presets
from hwsubnet.errors import ConfigError


def write(tmp_path, text: str):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def test_every_preset_loads_under_its_own_name():
    assert "digits" in presets()
    for preset in presets():
        assert load_config(preset=preset).name == preset


def test_an_empty_recipe_is_all_defaults(tmp_path):
    assert load_config(write(tmp_path, "")) == load_config() == SweepConfig()


def test_what_a_phase_leaves_out_keeps_its_own_default(tmp_path):
    config = load_config(write(tmp_path, "training: {prune: {epochs: 9}, qat: {epochs: 8}}"))
    default = SweepConfig().training
    assert config.training.prune.epochs == 9
    assert config.training.prune.learning_rate == default.prune.learning_rate == 0.02
    assert config.training.qat.learning_rate == default.qat.learning_rate == 0.004


def test_overrides_win_over_the_file_and_none_is_passed_over(tmp_path):
    path = write(tmp_path, "seed: 3\nhardware: {board: ZCU104}")
    config = load_config(
        path, overrides={"hardware.board": "KV260", "seed": None, "data.path": None}
    )
    assert (config.seed, config.hardware.board) == (3, "KV260")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed: 1", "sed: Extra inputs are not permitted"),
        ("pruning: {levels: [0, 1]}", "less than 1, not 1"),
        ("pruning: {levels: [-0.5]}", "greater than or equal to 0"),
        ("pruning: {levels: [0.5, 0.5]}", "a level is named twice"),
        ("pruning: {levels: []}", "at least 1 item"),
        ("pruning: {align: 0}", "align: must be a whole number from 1 to 64, or auto, not 0"),
        ("pruning: {align: 65}", "align: must be a whole number from 1 to 64, or auto, not 65"),
        ("pruning: {align: 4.0}", "must be a whole number from 1 to 64, or auto, not 4.0"),
        ("pruning: {align: true}", "must be a whole number from 1 to 64, or auto, not True"),
        ("pruning: {align: best}", "must be a whole number from 1 to 64, or auto, not 'best'"),
        (
            "pruning: {align: auto, schedule: scratch}",
            "align auto chooses how many channels the masks keep, and schedule scratch masks none",
        ),
        ("pruning: {align: auto, schedule: unstructured}", "schedule unstructured masks none"),
        ("training: {prune: {epochs: 1}}\npruning: {start: 1}", "must lie inside the prune phase"),
        (
            "training: {qat: {epochs: 1}, quantize_weights_after: 1}",
            "quantization starts 1.0 epochs",
        ),
        ("name: ../elsewhere", "should match pattern"),
        ("- 1", "must be a mapping"),
        ("a: [", "is not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "is not valid YAML"),
        ("\x00", "is not valid YAML"),
        ("x: " + "[" * 5000, "is not valid YAML"),
        ("training: 3", "training: Input should be"),
    ],
)
def test_nonsense_is_one_clear_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_config(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load_config(write(tmp_path, "#" * 1_000_001))


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(ConfigError, match=r"no preset 'digit'; choose one of .*digits"):
        load_config(preset="digit")
    with pytest.raises(ConfigError, match="exclude each other"):
        load_config(path="x", preset="digits")


def test_settings_reach_any_field_and_named_options_win():
    from hwsubnet.cli.options import read_config

    settings = ["pruning.schedule=one-shot", "training.qat.epochs=7", "seed=3", "data.size=[8, 9]"]
    config = read_config(None, "digits", settings=settings, seed=4)
    assert config.pruning.schedule == "one-shot"
    assert config.training.qat.epochs == 7
    assert config.training.qat.learning_rate == 0.02, "the preset's own"
    assert config.data.size == (8, 9)
    assert config.seed == 4

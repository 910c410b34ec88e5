"""Every task learns, is pruned and quantized, survives a stop, and is measured as defined."""

from math import ceil

import pytest
import small_tasks
import torch
from small_tasks import Features
from tiny_training import Stopped, files, tiny
from torch import nn
from torch.nn import functional

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.data import IGNORED, Split, load_data, steps_per_epoch, to_real
from hwsubnet.errors import ConfigError
from hwsubnet.models import build, load_network
from hwsubnet.prune import channels_to_keep, find_groups
from hwsubnet.quant import unquantized
from hwsubnet.quant.quantizers import ActivationQuantizer, WeightQuantizer
from hwsubnet.train import make_task, train_dense, train_level
from hwsubnet.train.fabric import make_fabric
from hwsubnet.train.tasks import Autoencoding, Segmentation, StyleTransfer
from hwsubnet.train.tasks.style_transfer import POOL, ImagePool

TASKS = ("segmentation", "autoencoding", "style-transfer")


def recipe(name, folder, **training):
    if name == "segmentation":
        return small_tasks.segmentation(small_tasks.make_segmentation(folder), **training)
    if name == "autoencoding":
        return small_tasks.autoencoding(**training)
    return small_tasks.style_transfer(small_tasks.make_unpaired(folder), **training)


@pytest.fixture(scope="module", params=TASKS)
def run(request, tmp_path_factory):
    """Train the dense network and one half as wide; give the config, the task and the folders."""
    folder = tmp_path_factory.mktemp(request.param)
    config = recipe(request.param, folder / "data")
    task = make_task(config, Features())
    dense = train_dense(config, folder / "dense", task)
    half = train_level(config, dense, folder / "dense", 0.5, folder / "half", task)
    return config, task, folder, dense, half


def test_a_level_is_pruned_exactly_quantized_and_told(run):
    config, task, folder, dense, half = run
    network = load_network(half.spec, folder / "half" / half.weights.path)
    assert unquantized(network) == []
    for group in find_groups(network):
        kept = channels_to_keep(group.channels, 0.5) if group.prunable else group.channels
        assert int(group.mask.sum()) == kept
    splits, fabric = load_data(config.data, config.seed), make_fabric(config.training)
    network.to(memory_format=torch.channels_last)  # sums then have one order
    measured = task.evaluate(fabric, network, splits.test)
    assert half.test.metric == task.metric
    assert half.test.quantized == measured.pop(task.metric)
    assert {name: both["quantized"] for name, both in half.test.details.items()} == measured
    assert half.test.images == len(splits.test)
    torch.manual_seed(0)
    untrained = build(half.spec)
    before = task.evaluate(fabric, untrained, splits.validation)
    assert task.better({task.metric: dense.validation.float_}, before)
    assert not task.better(before, {task.metric: dense.validation.float_})


def test_stopped_in_pruning_and_in_quantization_it_ends_the_same(run, stop_after, tmp_path):
    config, task, folder, dense, _ = run
    training = config.training.model_copy(update={"checkpoint_every": 5})
    config = config.model_copy(update={"training": training})
    train = load_data(config.data, config.seed).train
    pruning = ceil(training.prune.epochs * steps_per_epoch(train, training.batch) / 5)
    for checkpoints in (2, pruning - 2 + 1):
        stop_after(checkpoints)
        with pytest.raises(Stopped):
            train_level(config, dense, folder / "dense", 0.5, tmp_path, task)
    train_level(config, dense, folder / "dense", 0.5, tmp_path, task)
    assert files(tmp_path) == files(folder / "half")


def test_what_learns_beside_a_network_goes_on_at_each_level(run, tmp_path):
    _, task, folder, dense, half = run
    assert half.companions is None
    if task.metric != "FID":
        assert dense.companions is None
        return
    names = {path.split(".")[0] for path in task.companions(dense.spec).state_dict()}
    assert names == {"back", "judge_a", "judge_b", "pool_a", "pool_b"}
    (folder / "dense" / dense.companions.path).rename(tmp_path / "away")
    (folder / "dense" / dense.companions.path).write_bytes(b"")
    try:
        with pytest.raises(Exception, match="not a readable safetensors file"):
            train_level(run[0], dense, folder / "dense", 0.5, tmp_path / "half", task)
    finally:
        (tmp_path / "away").rename(folder / "dense" / dense.companions.path)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_loss_is_the_mean_over_the_hardest_pixels_of_each_image(share):
    torch.manual_seed(0)
    scores, labels = torch.randn(2, 3, 4, 5), torch.randint(3, (2, 4, 5)).byte()
    labels[0, :, :2] = IGNORED  # 8 of 20 pixels
    config = small_tasks.segmentation("nowhere", hardest=share)
    loss = Segmentation(config.training).loss(scores, labels)
    losses = []
    for index in range(2):
        known = labels[index] != IGNORED
        each = -scores[index].log_softmax(0)[:, known]
        each = each.gather(0, labels[index][known].long()[None])[0].sort(descending=True).values
        losses += each[: round(share * 20)].tolist()
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_images_without_a_known_pixel_give_no_loss_and_no_nan():
    scores = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = torch.full((1, 4, 4), IGNORED, dtype=torch.uint8)
    task = Segmentation(small_tasks.segmentation("nowhere").training)
    loss = task.loss(scores, labels)
    loss.backward()
    assert loss == 0
    assert bool((scores.grad == 0).all())


class Fixed(nn.Module):
    """Gives the classes that it was told, whatever it sees."""

    def __init__(self, answers, classes):
        super().__init__()
        self.answers = functional.one_hot(answers, classes).permute(0, 3, 1, 2).float()
        self.seen = 0

    def forward(self, images):
        part = self.answers[self.seen : self.seen + len(images)]
        self.seen += len(images)
        return part


def test_mean_intersection_over_union_is_over_the_whole_split_and_its_classes():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (5, 6, 7), generator=generator)
    answers = torch.randint(3, (5, 6, 7), generator=generator)
    labels[:, :2] = IGNORED
    known = labels != IGNORED
    ratios = []
    for index in range(3):  # of the four classes of the network, the last occurs nowhere
        ours, right = (answers == index) & known, (labels == index) & known
        ratios.append(((ours & right).sum() / (ours | right).sum()).item())
    config = small_tasks.segmentation("nowhere")
    split = Split(torch.zeros(5, 3, 6, 7, dtype=torch.uint8), labels.byte())
    found = Segmentation(config.training).evaluate(
        make_fabric(config.training), Fixed(answers, 4), split
    )
    assert found == {"mIoU": pytest.approx(sum(ratios) / 3)}


class Known(nn.Module):
    """A code and an image that do not depend on the input."""

    def draw(self, images):
        size = len(images)
        return torch.full_like(images, 0.25), torch.ones(size, 3), torch.zeros(size, 3)


def test_the_evidence_lower_bound_is_in_nats_an_image():
    config = small_tasks.autoencoding()
    images = torch.zeros(7, 1, 2, 2, dtype=torch.uint8)
    images[:, :, 0] = 255
    found = Autoencoding(config.training).evaluate(
        make_fabric(config.training), Known(), Split(images, torch.zeros(7, dtype=torch.int64))
    )
    fit = 2 * torch.tensor(0.25).log() + 2 * torch.tensor(0.75).log()
    assert found["divergence"] == pytest.approx(1.5)  # 3 codes of mean 1 and variance 1
    assert found["ELBO"] == pytest.approx(float(fit) - 1.5)


def test_style_a_that_is_left_as_it_is_is_as_far_from_b_as_the_images_are(tmp_path):
    config = recipe("style-transfer", tmp_path)
    test, features = load_data(config.data, 0).test, Features()
    task = StyleTransfer(config.training, features)
    fabric = make_fabric(config.training)

    class Same(nn.Module):
        def forward(self, images):
            return 2 * images - 1

    found = task.evaluate(fabric, Same(), test)
    a, b = features(test.images).double(), features(test.labels).double()
    product = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).sqrt().real.sum()
    expected = (a.mean(0) - b.mean(0)).square().sum()
    expected += a.T.cov().trace() + b.T.cov().trace() - 2 * product
    assert found["FID"] == pytest.approx(expected.item(), rel=1e-3)
    assert found["KID"] > 0
    alike = task.evaluate(fabric, Same(), Split(test.images, test.images))
    assert alike["FID"] == pytest.approx(0, abs=1e-2)


def test_masks_and_ranges_see_each_translation_once_a_step(tmp_path):
    config = recipe("style-transfer", tmp_path, prune={"epochs": 5, "learning_rate": 1e-3})
    task, steps = make_task(config, Features()), 7
    dense = train_dense(config, tmp_path / "dense", task)
    level = train_level(config, dense, tmp_path / "dense", 0.0, tmp_path / "level", task)
    network = load_network(level.spec, tmp_path / "level" / level.weights.path)
    assert len(load_data(config.data, 0).train) == steps
    counted = {
        kind: {int(q.batches) for q in network.modules() if isinstance(q, kind)}
        for kind in (WeightQuantizer, ActivationQuantizer)
    }
    assert counted == {WeightQuantizer: {steps}, ActivationQuantizer: {steps}}


def test_a_pool_shows_earlier_images_and_keeps_what_it_replaces_them_with():
    torch.manual_seed(0)
    pool = ImagePool((1, 1, 1))
    numbers = torch.arange(200.0).view(-1, 1, 1, 1)
    first = pool(numbers[:POOL])
    assert torch.equal(first, numbers[:POOL])
    later = pool(numbers[POOL:])
    shown = torch.cat([first, later, pool.kept[(pool.kept[:, None] != 0).flatten(1).any(1)]])
    exchanged = int((later != numbers[POOL:]).sum())
    assert 50 < exchanged < 100  # of 150, one in two
    assert set(shown.flatten().tolist()) | {0.0} == set(numbers.flatten().tolist())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": {"name": "unet"}}, r"data\.name: unet learns from a class for each pixel"),
        ({"training": {"batch": 1}}, r"training\.batch: lenet needs at least 2 images a step"),
        ({"model": {"name": "cyclegan"}}, r"data\.features: .*name the file with its weights"),
        (
            {"model": {"name": "cyclegan"}, "training": {"devices": 2}},
            r"training\.devices: style transfer learns in one process",
        ),
    ],
    ids=["data", "batch", "features", "devices"],
)
def test_what_a_task_cannot_do_is_told_before_it_begins(change, told, tmp_path):
    config = tiny(**change)
    with pytest.raises(ConfigError, match=told):
        train_dense(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_vae_evaluates_by_the_mean_code_and_draws_in_training():
    network = build(NetworkSpec(name="vae", input_shape=(1, 8, 8), classes=0)).eval()
    images = to_real(torch.randint(256, (2, 1, 8, 8), dtype=torch.uint8))
    assert torch.equal(network(images), network(images))
    assert not torch.equal(network.draw(images)[0], network.draw(images)[0])

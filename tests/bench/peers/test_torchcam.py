"""torch-cam."""

from contextlib import nullcontext

from bench.metrics.confidence import Confidence
from bench.metrics.deletion import Deletion
from bench.metrics.insertion import Insertion
from methods.explainers.grad_cam import GradCam
from methods.resize import min_max, upsample
from tests.bench.peers.worlds import SIZE, difference, network_world, softmax


class Given:
    """Given maps in place of a torch-cam extractor."""

    def __init__(self, model, saliency):
        self.model, self.saliency = model, saliency

    def __call__(self, class_idx=None, scores=None, normalized=True, *, targets=None):
        return [self.saliency]

    def fuse_cams(self, cams):
        return cams[0]

    def _hooks_off(self):
        return nullcontext()


def per_image(metric_class, world, key, outside=True, **settings):
    """Return a score that runs a torch-cam metric on each image alone, for its mean is over images.

    outside: preprocessing happens outside the network, as is usual; else images are in RGB.
    """
    network = world.model.backbone if outside else world.model

    def score(saliency):
        values = []
        for i in range(len(saliency)):
            image = world.batch.images[i : i + 1]
            metric = metric_class(Given(network, saliency[i : i + 1]), softmax, **settings)
            metric.update(world.model.normalise(image) if outside else image, int(world.batch.targets[i]))
            values.append(metric.summary()[key])
        return values

    return score


def test_deletion_is_torch_cams(torchcam, world):
    score = per_image(torchcam.metrics.DeletionInsertionMetric, world, "deletion_auc", steps=28)
    ours = world.ours(Deletion(steps=28), "deletion")
    assert difference(f"deletion, {world.name}", "torchcam", ours, world.theirs(score)) <= 1e-6


def test_insertion_is_torch_cams_on_our_blur(torchcam, world):
    metric = Insertion(steps=28)
    settings = {"steps": 28, "baseline": metric.blur}
    score = per_image(torchcam.metrics.DeletionInsertionMetric, world, "insertion_auc", **settings)
    ours = world.ours(metric, "insertion")
    assert difference(f"insertion, {world.name}", "torchcam", ours, world.theirs(score)) <= 1e-6


def test_average_drop_is_torch_cams_with_preprocessing_inside(torchcam, world):
    def given(key):
        score = per_image(torchcam.metrics.ClassificationMetric, world, key, outside=False)
        return world.theirs(lambda saliency: score(min_max(saliency)))

    drop, increase = (world.ours(Confidence(), key) / 100 for key in ("average_drop", "increase_in_confidence"))
    assert difference(f"average drop / 100, {world.name}", "torchcam", drop, given("avg_drop")) <= 1e-5
    assert difference(f"increase in confidence / 100, {world.name}", "torchcam", increase, given("conf_increase")) == 0


def test_torch_cam_masks_the_normalised_image(torchcam):
    world = network_world()
    score = per_image(torchcam.metrics.ClassificationMetric, world, "avg_drop")
    theirs = world.theirs(lambda saliency: score(min_max(saliency)))
    ours = world.ours(Confidence(), "average_drop") / 100
    assert difference("DIFFERS average drop / 100, preprocessing outside", "torchcam", ours, theirs) > 0.01


def test_grad_cam_is_torch_cams_of_the_logit(torchcam):
    """Its metric differentiates the probability instead, and it scales before upsampling."""
    world = network_world()
    batch, small = world.batch, GradCam().explain(world.model, world.batch.images, world.batch.targets, None)
    saliency = upsample(small, (SIZE, SIZE))
    with torchcam.methods.GradCAM(world.model.backbone, "layer4") as extractor:
        normalised = world.model.normalise(batch.images).requires_grad_()
        (theirs,) = extractor(batch.targets.tolist(), world.model.backbone(normalised))
        asked = torchcam.metrics.DeletionInsertionMetric(extractor, softmax, steps=28)
        asked.update(normalised, batch.targets.tolist())
    assert difference("Grad-CAM, scaled, 4 x 4", "torchcam", min_max(small), theirs) <= 1e-5

    ours = Deletion(steps=28)(world.model, batch, saliency)["deletion"]
    given = per_image(torchcam.metrics.DeletionInsertionMetric, world, "deletion_auc", steps=28)(theirs)
    assert difference("DIFFERS deletion, ties of the upsampled map", "torchcam", ours, given) < 1e-3
    probability = asked.summary()["deletion_auc"]
    assert difference("DIFFERS deletion, mean, map of the probability", "torchcam", ours.mean(), probability) > 1e-3

    ours = Confidence()(world.model, batch, saliency)["average_drop"] / 100
    given = per_image(torchcam.metrics.ClassificationMetric, world, "avg_drop", outside=False)(theirs)
    assert difference("DIFFERS average drop / 100, scaled before upsampling", "torchcam", ours, given) > 1e-4

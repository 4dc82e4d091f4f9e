"""What is recorded as a CUDA graph, and that a replay is the call itself."""

import copy
from typing import ClassVar

import pytest
import torch

from methods import replay
from methods.runtime import start
from methods.surrogate.student import Student
from tests.conftest import CLASSES, SIZE, small_classifier

CALLS = replay.PATIENCE + 3


class Recording:
    """Counts itself and calls as it is."""

    made = 0
    pools: ClassVar[list] = []

    def __init__(self, call, inputs, pool):
        type(self).made += 1
        self.pool = pool or object()
        self.pools.append(self.pool)
        self.call = call

    def __call__(self, inputs):
        return self.call(*inputs)


@pytest.fixture
def recording(monkeypatch):
    """As on a GPU, but for the recording itself."""
    monkeypatch.setattr(Recording, "made", 0)
    monkeypatch.setattr(Recording, "pools", [])
    monkeypatch.setattr(replay, "_worthwhile", lambda network, inputs: True)
    monkeypatch.setattr(replay, "_Recording", Recording)
    return Recording


def test_nothing_is_recorded_on_a_cpu(classifier, images, monkeypatch):
    monkeypatch.setattr(replay, "_Recording", None)
    with torch.inference_mode():
        for _ in range(CALLS):
            classifier.features(images)


def test_what_comes_again_is_recorded_once(recording, classifier, images):
    for calls in range(1, CALLS):
        classifier.features(images)
        assert recording.made == int(calls > replay.PATIENCE)


def test_another_size_or_method_is_recorded_apart(recording, images):
    model = small_classifier()
    for _ in range(CALLS):
        model.features(images)
        model.features(images[:2])
        model(images)
    assert recording.made == 3


def test_recordings_of_one_network_share_their_memory(recording, images):
    model = small_classifier()
    for _ in range(CALLS):
        model(images)
        model(images[:2])
    assert len(recording.pools) == 2 and len(set(map(id, recording.pools))) == 1
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    model(images)  # what was recorded is gone, and its memory with it
    assert recording.made == 3 and recording.pools[-1] is not recording.pools[0]


def test_what_is_forgotten_is_recorded_again(recording, images):
    models = [small_classifier(), small_classifier()]

    def call():
        for _ in range(CALLS):
            for model in models:
                model(images)

    call()
    assert recording.made == 2
    replay.forget(models[0])
    call()
    assert recording.made == 3
    replay.forget()
    call()
    assert recording.made == 5


def test_a_hook_is_called_every_time(recording, images):
    model, seen = small_classifier(), []
    handle = model.backbone.get_classifier().register_forward_hook(lambda *_: seen.append(1))
    for _ in range(CALLS):
        model(images)
    assert len(seen) == CALLS and not recording.made
    handle.remove()


def test_weights_that_ask_for_a_gradient_are_not_recorded(recording, images):
    model = small_classifier().requires_grad_(True)
    for _ in range(CALLS):
        model(images)
    assert not recording.made


def test_weights_that_moved_are_recorded_again(recording, images):
    model = small_classifier()
    for _ in range(CALLS):
        model(images)
    model.backbone.get_classifier().weight.data = torch.zeros(CLASSES, model.backbone.num_features)
    model(images)
    assert recording.made == 2


def test_few_recordings_are_kept(recording, monkeypatch, images):
    monkeypatch.setattr(replay, "KEPT", 1)
    model = small_classifier()
    for _ in range(2):
        for some in (images, images[:2]):
            for _ in range(CALLS):
                model(some)
    assert recording.made == 4


@pytest.mark.parametrize(("device", "expected"), [("cpu", 1), ("cuda", replay.PATIENCE + 1)])
def test_warming_up_takes_as_many_calls_as_a_recording(recording, images, device, expected):
    model, calls = small_classifier(), []
    replay.warm_up(lambda: calls.append(model(images)), torch.device(device))
    assert len(calls) == expected and recording.made == (device == "cuda")


@pytest.fixture
def failing(recording, monkeypatch):
    """As on a GPU where nothing can be recorded; counts the attempts."""

    class Failing(recording):
        def __init__(self, call, inputs, pool):
            super().__init__(call, inputs, pool)
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(replay, "_Recording", Failing)
    return Failing


def test_a_call_that_cannot_be_recorded_is_made_as_it_is_and_not_tried_again(failing, classifier, images):
    model, expected = small_classifier(), classifier(images)
    for _ in range(CALLS):
        assert torch.equal(model(images), expected)
    assert failing.made == 1 and not replay._known[model]._made
    replay.forget(model)
    for _ in range(CALLS):
        model(images)
    assert failing.made == 2


def test_few_calls_that_cannot_be_recorded_are_remembered(failing, monkeypatch, images):
    monkeypatch.setattr(replay, "KEPT", 1)
    model = small_classifier()
    for some in (images, images[:2], images):
        for _ in range(CALLS):
            model(some)
        assert len(replay._known[model]._refused) == 1
    assert failing.made == 3


def test_recordings_that_were_made_outlive_one_that_fails(recording, monkeypatch, images):
    model = small_classifier()
    for _ in range(CALLS):
        model(images)

    def fail(call, inputs, pool):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(replay, "_Recording", fail)
    for _ in range(CALLS):
        model(images[:2])
        model(images)
    assert recording.made == 1 and len(replay._known[model]._made) == 1


def test_an_error_of_the_call_itself_is_raised(failing, images):
    model = small_classifier()
    for _ in range(CALLS):
        with pytest.raises(RuntimeError, match="size of tensor"):
            model(images[:, :2])


def test_gradients_are_recorded_with_the_features(recording, classifier, images, targets):
    expected = classifier.features_and_gradient(images, targets)
    for _ in range(CALLS):
        found = classifier.features_and_gradient(images, targets)
    assert recording.made == 1
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.fixture
def gpu():
    return start("cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_replay_is_the_call_itself(gpu, precision, images, targets):
    for network in (small_classifier(), Student(small_classifier(), CLASSES, SIZE)):
        model = gpu.place(network).requires_grad_(False)
        inputs = (images.cuda(), targets.cuda()) if isinstance(network, Student) else (images.cuda(),)
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            found = [model(*(one.roll(turn, 0) for one in inputs)) for turn in range(CALLS)]
            recordings = replay._known[model]
            assert len(recordings._made) == 1
            replay._known.pop(model)
            for turn, replayed_ in enumerate(found):
                direct = copy.deepcopy(model)(*(one.roll(turn, 0) for one in inputs))
                for one, other in zip(flat(replayed_), flat(direct), strict=True):
                    assert torch.equal(one, other)


@pytest.mark.gpu
def test_a_gradient_is_replayed(gpu, images, targets):
    model = gpu.place(small_classifier()).requires_grad_(False)
    with gpu.autocast():
        found = [model.features_and_gradient(images.cuda().roll(turn, 0), targets.cuda()) for turn in range(CALLS)]
        assert len(replay._known[model]._made) == 1
        for turn, replayed_ in enumerate(found):
            direct = copy.deepcopy(model).features_and_gradient(images.cuda().roll(turn, 0), targets.cuda())
            for one, other in zip(replayed_, direct, strict=True):
                assert torch.allclose(one, other, atol=1e-6 * float(other.abs().max()))


@pytest.mark.gpu
def test_a_replay_follows_the_weights(gpu, images):
    model = gpu.place(small_classifier()).requires_grad_(False)
    with torch.inference_mode():
        before = [model(images.cuda()) for _ in range(CALLS)][-1]
        model.load_state_dict(small_classifier(seed=1).state_dict())
        after = model(images.cuda())
        assert len(replay._known[model]._made) == 1
    expected = gpu.place(small_classifier(seed=1))(images.cuda())
    assert torch.allclose(after, expected, atol=1e-5) and not torch.allclose(after, before, atol=1e-3)


@pytest.mark.gpu
def test_a_pass_that_waits_for_the_gpu_is_made_as_it_is(gpu, images):
    class Waiting(torch.nn.Module):
        def forward(self, some):
            return some * float(some.amax())

    model, moved = gpu.place(small_classifier()).requires_grad_(False), images.cuda()
    expected = gpu.place(Waiting())(moved)
    model.backbone = Waiting()
    with torch.inference_mode():
        before = torch.cuda.current_stream()
        for _ in range(CALLS):
            assert torch.equal(model.logits_of_normalised(moved), expected)
        assert torch.cuda.current_stream() == before
    assert len(replay._known[model]._refused) == 1


@pytest.mark.gpu
def test_recordings_go_with_their_network(gpu, images):
    model = gpu.place(small_classifier()).requires_grad_(False)
    with torch.inference_mode():
        for _ in range(CALLS):
            model(images.cuda())
    count = len(replay._known)
    del model
    assert len(replay._known) == count - 1


def flat(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)

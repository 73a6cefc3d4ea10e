"""Runtimes of GPUs, macOS and packages that are seldom here, on stand-ins for what they call."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from ultralytics.utils.export import engine

from yolograft.common.errors import UserError
from yolograft.evaluation.runtimes import load_runtime, tensorrt
from yolograft.evaluation.runtimes.base import Runtime
from yolograft.upstream.exporter import tensorrt_backend

CPU = torch.device("cpu")
Stand = Callable[..., type[Runtime]]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """Return what puts modules in the place of a package, and loads the runtime that needs it."""
    ours: list[str] = []

    def put(format: str, **modules: dict[str, Any]) -> type[Runtime]:
        for name, content in modules.items():
            name = name.replace("__", ".")
            module = ModuleType(name)
            module.__spec__ = SimpleNamespace(name=name)  # type: ignore[assignment]
            vars(module).update(content)
            monkeypatch.setitem(sys.modules, name, module)
        ours.append(f"yolograft.evaluation.runtimes.{format}")
        sys.modules.pop(ours[-1], None)
        return load_runtime(format)

    yield put
    for name in ours:
        sys.modules.pop(name, None)


def test_core_ml_runs_on_macos_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UserError, match=r"^format=coreml: Core ML runs on macOS only$"):
        load_runtime("coreml")


class _MLModel:
    """A model of Core ML: `answer` is called with what `predict` is given."""

    def __init__(self, answer: Callable[[Any], dict[str, Any]], arrays: bool) -> None:
        self.answer, self.arrays, self.opened = answer, arrays, ("", "")

    def __call__(self, path: str, compute_units: str) -> "_MLModel":
        self.opened = (path, compute_units)
        return self

    def get_spec(self) -> Any:
        type_ = SimpleNamespace(HasField=lambda name: name == "multiArrayType" and self.arrays)
        return SimpleNamespace(description=SimpleNamespace(input=[SimpleNamespace(name="image", type=type_)]))

    def predict(self, given: dict[str, Any]) -> dict[str, Any]:
        return self.answer(given["image"])


@pytest.fixture
def core_ml(stand_in: Stand, monkeypatch: pytest.MonkeyPatch) -> Callable[[_MLModel, bool], Runtime]:
    """Return what loads a stand-in for a model, as on a Mac."""

    def load(model: _MLModel, exact: bool = True) -> Runtime:
        units = SimpleNamespace(CPU_ONLY="cpu", CPU_AND_NE="neural engine")
        with monkeypatch.context() as mac:
            mac.setattr(sys, "platform", "darwin")
            found = stand_in("coreml", coreml={}, coremltools={"models": SimpleNamespace(MLModel=model)})
            vars(sys.modules["coremltools"])["ComputeUnit"] = units
        return found(Path("best.mlpackage"), device=CPU, threads=1, exact=exact)

    return load


def test_core_ml_is_given_pictures_one_by_one(core_ml: Callable[..., Runtime]) -> None:
    seen: list[np.ndarray] = []

    def answer(image: Any) -> dict[str, Any]:
        seen.append(np.asarray(image))
        return {"var_1151": np.full((1, 7, 84), len(seen), np.float64)}

    model = _MLModel(answer, arrays=False)
    pixels = torch.randint(0, 256, (2, 3, 64, 96), generator=torch.Generator().manual_seed(0))
    found = core_ml(model)(pixels / 255)
    assert model.opened == ("best.mlpackage", "cpu")
    assert np.array_equal(np.stack(seen), pixels.permute(0, 2, 3, 1))  # no value is rounded down
    assert found.dtype == torch.float32
    assert torch.equal(found, torch.tensor([1.0, 2.0])[:, None, None].expand(2, 7, 84))


def test_core_ml_of_any_size_is_given_the_batch(core_ml: Callable[..., Runtime]) -> None:
    model = _MLModel(lambda batch: {"var": batch[:, :1].mean(3)}, arrays=True)
    images = torch.rand(2, 3, 64, 96)
    found = core_ml(model, exact=False)(images)
    torch.testing.assert_close(found, images[:, :1].mean(3))
    assert model.opened[1] == "neural engine"


def test_core_ml_that_holds_nms_gives_corners(core_ml: Callable[..., Runtime]) -> None:
    answers = iter(
        [(np.array([[0.5, 0.25, 0.5, 0.5]]), np.array([[0.1, 0.7, 0.0]])), (np.zeros((0, 4)), np.zeros((0, 3)))]
    )
    runtime = core_ml(_MLModel(lambda _: dict(zip(("coordinates", "confidence"), next(answers), strict=True)), False))
    found = runtime(torch.zeros(2, 3, 64, 128))
    torch.testing.assert_close(found, torch.tensor([[[32, 0, 96, 32, 0.7, 1]], [[0.0] * 6]]))


class _Interpreter:
    """An interpreter of LiteRT whose every output is `output`."""

    output = np.zeros(0, np.float32)

    def __init__(self, path: str, num_threads: int) -> None:
        self.given: dict[int, np.ndarray] = {}

    def allocate_tensors(self) -> None: ...

    def invoke(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 3}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 9}]

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        assert index == 3
        self.given[index] = value

    def get_tensor(self, index: int) -> np.ndarray:
        assert index == 9
        return self.output.copy()


def test_litert_gives_pixels(stand_in: Stand) -> None:
    found = stand_in("litert", ai_edge_litert={}, ai_edge_litert__interpreter={"Interpreter": _Interpreter})
    runtime = found(Path("best.tflite"), device=CPU, threads=1)
    _Interpreter.output = np.full((1, 7, 126), 0.5, np.float32)
    answer = runtime(torch.zeros(1, 3, 64, 96))
    assert answer[0, :, 0].tolist() == [48, 32, 48, 32, 0.5, 0.5, 0.5]
    _Interpreter.output = np.full((1, 300, 6), 20, np.float32)  # a head without NMS gives pixels itself
    assert torch.equal(runtime(torch.zeros(1, 3, 64, 96)), torch.full((1, 300, 6), 20.0))


@pytest.mark.parametrize("half", [False, True])
def test_tensorrt_is_given_the_engines_own_type_and_its_memory_is_not_handed_on(
    half: bool, stand_in: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Backend:
        fp16 = half
        memory = torch.zeros(1, 7, 84, dtype=torch.float16 if half else torch.float32)

        def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
            assert images.dtype == self.memory.dtype
            assert images.is_contiguous()
            return [self.memory.fill_(float(images[0, 0, 0, 0]))]

    monkeypatch.setattr(tensorrt, "tensorrt_backend", lambda engine, device: Backend())
    runtime = tensorrt.TensorRt(Path("best.engine"), device=CPU, threads=1)
    first, second = (runtime(torch.full((1, 64, 64, 3), value).permute(0, 3, 1, 2)) for value in (0.25, 0.75))
    assert first.dtype == torch.float32
    assert (first.unique().tolist(), second.unique().tolist()) == ([0.25], [0.75])


def test_ultralytics_backend_is_called_as_it_wants(
    stand_in: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own class, on an engine of TensorRT 10 that computes nothing, on the device without memory."""
    shapes = {"images": (1, 3, 64, 64), "output0": (1, 7, 84)}
    ran, read = Mock(return_value=True), Mock()
    context = SimpleNamespace(get_tensor_shape=shapes.get, execute_v2=ran)
    network = SimpleNamespace(
        num_io_tensors=2,
        get_tensor_name=list(shapes).__getitem__,
        get_tensor_dtype=lambda name: np.float32,
        get_tensor_mode=lambda name: name == "images",
        get_tensor_shape=shapes.get,
        get_tensor_profile_shape=lambda name, profile: [shapes[name]] * 3,
        create_execution_context=lambda: context,
    )
    read.return_value = network
    stand_in(
        "engine",
        tensorrt={
            "__version__": "10.13.2",
            "Logger": type("Logger", (), {"INFO": 0, "__init__": lambda self, level: None}),
            "Runtime": lambda logger: SimpleNamespace(deserialize_cuda_engine=read),
            "nptype": lambda dtype: dtype,
            "TensorIOMode": SimpleNamespace(INPUT=True),
        },
    )
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    file = tmp_path / "best.engine"
    told = json.dumps({"names": {"0": "a"}, "args": {"nms": True}}).encode()  # with NMS no CUDA graph is captured
    file.write_bytes(len(told).to_bytes(4, "little", signed=True) + told + b"engine")
    engine.get_tensorrt_logger.cache_clear()
    try:
        backend = tensorrt_backend(file, torch.device("meta"))
    finally:
        engine.get_tensorrt_logger.cache_clear()
    (found,) = backend(torch.zeros(1, 3, 64, 64, device="meta"))
    read.assert_called_once_with(b"engine")
    assert [len(addresses) for (addresses,), _ in ran.call_args_list] == [2]
    assert (found.shape, found.dtype, backend.fp16) == (shapes["output0"], torch.float32, False)

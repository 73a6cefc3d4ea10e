"""What answers need to load: whatever is heavy waits until a command really begins."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from helpers.fitted import fitted_weights

HEAVY = {
    "cv2",
    "lightning_fabric",
    "matplotlib",
    "numpy",
    "optuna",
    "pandas",
    "pytorch_lightning",
    "scipy",
    "statsmodels",
    "timm",
    "torch",
    "ultralytics",
    "wandb",
}


def loaded(code: str, folder: Path) -> set[str]:
    """Return the top-level packages that a new process has loaded after running some code."""
    told = f"import sys\n{code}\nprint('loaded', *{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=folder, capture_output=True, text=True, check=True, timeout=300
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["train", "--cfg", "job"],
        ["train", "-m", "seed=0,1", "--cfg", "job"],
        ["info", "--help"],
        ["nonsense"],
        ["train", "epoch=3"],
        ["train", "epochs=three"],
        ["train", "backbone=efv1"],
        ["train", "backbone=effv1", "backbone.variant=b9"],
        ["train", "weights=no/such/file.pt"],
        ["train", "weights=mine.pt"],
        ["train", "weights=empty"],
        ["train", "dataset=auto", "dataset.path=no/such/folder"],
        ["train", "-m", "seed=0,1", "dataset=coco_json", "dataset.path=no/such/folder"],
        ["train", "device=mps"],
        ["val", "no/such/run"],
        ["predict", "run=no/such/run", "source=a.jpg"],
        ["report", "sort="],
    ],
    ids=" ".join,
)
@pytest.mark.skipif(sys.platform == "darwin", reason="device=mps is a device there")
def test_answers_that_need_no_training_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code = f"from yolograft.cli.main import main\nmain({arguments!r})"
    assert not loaded(code, tmp_path) & HEAVY
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_gpu_that_cannot_be_there_is_refused_without_torch(tmp_path: Path) -> None:
    code = (
        "from yolograft.compute import presence\npresence._no_cuda = lambda: True\n"
        "from yolograft.cli.main import main\nassert main(['train', 'device=0']) == 2"
    )
    assert not loaded(code, tmp_path) & HEAVY


def test_published_weights_that_cannot_be_had_are_refused_without_torch(tmp_path: Path) -> None:
    code = (
        "from yolograft.upstream import downloads\ndownloads.unreachable = lambda address: 'no network'\n"
        "downloads._settings_file = lambda: downloads.Path('none.json')\n"
        "from yolograft.cli.main import main\nassert main(['train', 'weights=yolo11n.pt']) == 2"
    )
    assert not loaded(code, tmp_path) & HEAVY


@pytest.mark.parametrize("arguments", [["data", "no/such/folder"], ["data", "broken/data.yaml"]], ids=" ".join)
def test_a_data_set_that_cannot_be_read_is_refused_without_torch(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "data.yaml").write_text("train: [", encoding="utf-8")
    code = f"from yolograft.cli.main import main\nassert main({arguments!r}) == 2"
    assert not loaded(code, tmp_path) & (HEAVY - {"numpy"})


def test_the_list_of_commands_needs_no_hydra(tmp_path: Path) -> None:
    code = "from yolograft.cli.main import main\nmain(['--help'])"
    assert not loaded(code, tmp_path) & {"hydra", "omegaconf", "pydantic", "rich", "yaml"}


@pytest.mark.parametrize("arguments", [["train", "--help"], ["train", "bakbone=effv1"], ["train", "backbone=efv1"]])
def test_what_hydra_alone_answers_loads_no_schema(arguments: list[str], tmp_path: Path) -> None:
    code = f"from yolograft.cli.main import main\nmain({arguments!r})"
    assert not loaded(code, tmp_path) & {"pydantic", "pydantic_core", "rich", "filelock", "psutil"}


def test_a_training_without_timms_parts_loads_no_timm(tmp_path: Path) -> None:
    """A second of importing, W&B's package with it."""
    assert not loaded("import yolograft.training.train", tmp_path) & {"timm", "wandb"}


def test_what_does_not_train_loads_no_lightning(tmp_path: Path) -> None:
    """Two seconds of importing; torchvision is loaded all the same, since ultralytics' NMS is another without it."""
    weights = fitted_weights(tmp_path / "mine.safetensors", steps=0)
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    of_it = [f"run={weights}", "device=cpu"]
    for command in (
        ["predict", *of_it, f"source={tmp_path / 'a.png'}"],
        ["val", *of_it, "workers=0"],
    ):
        code = f"from yolograft.cli.main import main\nassert main({command!r}) == 0"
        found = loaded(code, tmp_path)
        assert "torchvision" in found
        assert not found & {"pytorch_lightning", "lightning_fabric", "torchmetrics", "timm", "wandb"}


def test_importing_the_package_loads_nothing_else(tmp_path: Path) -> None:
    code = "import yolograft\nyolograft.__version__\ndir(yolograft)"
    third_party = loaded(code, tmp_path) - set(sys.stdlib_module_names) - {"yolograft"}
    # What an interpreter loads on its own: editable installs' finders and other .pth files.
    assert third_party <= loaded("", tmp_path), sorted(third_party)


def test_a_device_that_torch_alone_can_judge_passes() -> None:
    from yolograft.compute.presence import refuse_impossible

    devices: list[int | str | list[int | str]] = ["auto", "cpu", ["cpu", "cpu"]]
    for device in devices:
        refuse_impossible(device)


@pytest.mark.parametrize("device", ["cuda", 0, "0,1", [0, 1], "cuda:1"])
def test_without_a_driver_no_gpu_is_possible(
    device: str | int | list[int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from yolograft.common.errors import UserError
    from yolograft.compute import presence

    monkeypatch.setattr(presence, "_no_cuda", lambda: True)
    with pytest.raises(UserError, match="this machine has no CUDA device"):
        presence.refuse_impossible(device)


def test_presence_agrees_with_torch() -> None:
    import torch

    from yolograft.compute.presence import _no_cuda

    if _no_cuda():
        assert not torch.cuda.is_available()

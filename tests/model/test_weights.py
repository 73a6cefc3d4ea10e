"""Files: ours, stock's, and those that must not be opened."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from ultralytics import YOLO

from yolograft.common.errors import UserError
from yolograft.model.detector import build_detector
from yolograft.model.transfer import transfer
from yolograft.model.weights import load_detector, load_weights, save_detector
from yolograft.upstream.model import default_args, upstream_model


class Evil:
    """Writes a file when it is unpickled freely."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "opened")


def test_there_and_back(spec, tmp_path):
    names = {0: "cat", 1: "dög"}
    model = build_detector(replace(spec(backbone="mbv3", neck="slim", nc=2), names=names)).eval()
    model.to(memory_format=torch.channels_last)
    path = tmp_path / "new folder" / "best.safetensors"
    save_detector(model, path, {"mAP50": 0.5, "choices": {"neck": "slim"}})
    loaded, extra = load_detector(path)
    assert extra == {"mAP50": 0.5, "choices": {"neck": "slim"}}
    assert loaded.names == names
    assert loaded.spec == model.spec
    assert not loaded.training
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), model.state_dict().values(), strict=True)
    )
    assert [p.name for p in path.parent.iterdir()] == ["best.safetensors"]


def test_a_file_from_before_an_option_came_is_what_it_was(spec, tmp_path):
    """MobileNetV3 had no last convolution, and losses had three weights; files of then do not say so."""
    model = build_detector(spec(backbone="mbv3", loss="eiou", nc=2, last_conv=False))
    del model.spec.parts["backbone"]["last_conv"]
    for later in set(model.spec.loss) - {"_target_", "box", "cls", "dfl"}:
        del model.spec.loss[later]
    save_detector(model, tmp_path / "best.safetensors")
    loaded = load_detector(tmp_path / "best.safetensors")[0]
    assert loaded.levels[-1].channels == 40
    assert type(loaded.init_criterion()).__name__ == "EIoULoss"


def test_a_failed_save_leaves_the_old_file(build, tmp_path):
    path = tmp_path / "best.safetensors"
    model = build(nc=2)
    save_detector(model, path, {"epoch": 1})
    with pytest.raises(TypeError):
        save_detector(model, path, {"epoch": object()})
    with pytest.raises(ValueError, match="fused"):
        save_detector(model.eval().fuse(verbose=False), path)
    assert load_detector(path)[1] == {"epoch": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_equal_detectors_give_equal_bytes(build, tmp_path):
    """safetensors orders metadata by chance; by chance alone, six saves are equal once in 7776 times."""
    model = build(nc=2)
    for number in range(6):
        save_detector(model, tmp_path / f"{number}.safetensors", {"epoch": 1, "name": "dög"})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert load_detector(tmp_path / "0.safetensors")[1] == {"epoch": 1, "name": "dög"}


def test_a_saved_file_has_the_mode_of_any_other(build, tmp_path):
    (tmp_path / "other").write_bytes(b"")
    save_detector(build(nc=2), tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_loading_does_not_download_again(build, tmp_path):
    source = build(backbone="effv1", width=1, depth=1)
    torch.save(source.model[0].body.state_dict(), tmp_path / "w.pt")
    model = build(backbone="effv1", width=1, depth=1, pretrained=str(tmp_path / "w.pt"))
    save_detector(model, tmp_path / "m.safetensors")
    (tmp_path / "w.pt").unlink()
    loaded, _ = load_detector(tmp_path / "m.safetensors")
    assert loaded.spec == model.spec


def test_a_strangers_file_names_only_known_parts(build, tmp_path):
    path = tmp_path / "m.safetensors"
    model = build(nc=2)
    model.spec = replace(model.spec, parts=model.spec.parts | {"neck": {"_target_": "os.system"}})
    save_detector(model, path)
    with pytest.raises(UserError, match=r"neck: 'os\.system' is not from yolograft"):
        load_detector(path)


def test_files_that_are_not_ours(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "b.safetensors", {"format": "yolograft-detector-1", "spec": "{"})
    (tmp_path / "c.safetensors").write_bytes(b"nonsense")
    for name, message in {
        "a.safetensors": "was not saved by YOLOGraft",
        "b.safetensors": "damaged",
        "c.safetensors": "damaged",
        "none.safetensors": "no weights file",
    }.items():
        with pytest.raises(UserError, match=message) as error:
            load_detector(tmp_path / name)
        assert "\n" not in str(error.value)


def test_weights_of_either_kind(build, tmp_path):
    model, stock = build(nc=2), upstream_model("yolo11", "n", nc=2)
    save_detector(model, tmp_path / "ours.safetensors")
    torch.save(stock.state_dict(), tmp_path / "state.pt")
    assert set(load_weights(tmp_path / "ours.safetensors")) == set(model.state_dict())
    assert list(load_weights(tmp_path / "state.pt")) == list(stock.state_dict())


def test_a_checkpoint_that_ultralytics_saved(build, tmp_path):
    """As users have it: a pickled model. Layers of torch and ultralytics are rebuilt, nothing else is."""
    yolo = YOLO("yolo11n.yaml", verbose=False)
    yolo.save(tmp_path / "yolo11n.pt")
    report = transfer(build(), load_weights(tmp_path / "yolo11n.pt"))
    assert report.unmatched_ours == report.unmatched_upstream == ()


def test_a_checkpoint_of_ultralytics_trainer(tmp_path):
    """What the trainer adds: half precision, its settings, metrics as numpy numbers, the loss."""
    model = upstream_model("yolo11", "n", nc=2)
    model.args = default_args()
    model.criterion = model.init_criterion()
    content = {
        "epoch": -1,
        "best_fitness": np.float64(0.3),
        "model": None,
        "ema": model.half(),
        "optimizer": None,
        "train_args": vars(default_args()),
        "train_metrics": {"metrics/mAP50(B)": np.float32(0.3), "maps": np.zeros(2)},
        "save_dir": Path("runs"),
    }
    torch.save(content, tmp_path / "last.pt")
    state = load_weights(tmp_path / "last.pt")
    assert state["model.0.conv.weight"].dtype == torch.float32
    assert len(state) == 499


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_nothing_is_run_from_a_strangers_file(tmp_path, kind):
    witness = tmp_path / "witness"
    path = tmp_path / "evil.pt"
    if kind == "torch":
        torch.save({"model": Evil(witness), "ema": None}, path)
    else:
        path.write_bytes(pickle.dumps({"model": Evil(witness)}, protocol=2))
    with pytest.raises(UserError) as error:
        load_weights(path)
    assert "\n" not in str(error.value)
    assert ("convert it" if kind == "torch" else "damaged") in str(error.value)
    assert not witness.exists()


def test_the_allow_list_is_not_left_behind(tmp_path):
    torch.save({"model": upstream_model("yolo11", "n", nc=2)}, tmp_path / "m.pt")
    before = set(torch.serialization.get_safe_globals())
    load_weights(tmp_path / "m.pt")
    assert set(torch.serialization.get_safe_globals()) == before


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"nonsense")
    (tmp_path / "b.safetensors").write_bytes(b"nonsense")
    torch.save([1, 2], tmp_path / "c.pt")
    torch.save({"model": nn.Conv2d(1, 1, 1).state_dict()}, tmp_path / "nested.pt")
    (tmp_path / "d.pt").write_text(json.dumps({}), encoding="utf-8")
    for name in ("a.pt", "b.safetensors", "c.pt", "d.pt", "none.pt"):
        with pytest.raises(UserError, match=name) as error:
            load_weights(tmp_path / name)
        assert "\n" not in str(error.value)
    assert set(load_weights(tmp_path / "nested.pt")) == {"weight", "bias"}

"""`yolograft predict`: every kind of source, and what is on disk afterwards."""

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import yolograft
from evaluation.conftest import write_weights
from yolograft.cli.main import main
from yolograft.evaluation.predict import output, reading
from yolograft.evaluation.predict.places import Names
from yolograft.evaluation.predict.sources import Source, expand

Predict = Callable[..., dict[str, Any]]


def picture(file: Path, seed: int = 0, size: tuple[int, int] = (80, 48)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file.write_bytes(cv2.imencode(file.suffix, pixels)[1].tobytes())
    return file


def read(file: Path) -> np.ndarray:
    pixels = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels


def video(file: Path, frames: int = 5) -> Path:
    """A square that moves, so that a tracker has something to follow."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 64))
    for number in range(frames):
        image = np.full((64, 96, 3), 90, np.uint8)
        cv2.rectangle(image, (8 + 4 * number, 16), (40 + 4 * number, 48), (0, 0, 255), -1)
        writer.write(image)
    writer.release()
    return file


@pytest.fixture
def predict(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Predict:
    """Run the command in an empty folder and return its JSON, with the exit code and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, run: str = str(weights.parent.parent)) -> dict[str, Any]:
        code = main(["predict", f"run={run}", "format=json", "conf=0.3", "device=cpu", *arguments])
        told = capsys.readouterr()
        return {**(json.loads(told.out) if told.out else {}), "code": code, "err": told.err}

    return run


def results(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "predictions.json").read_text())
    assert not (folder / "predictions.jsonl").exists()
    assert not list(folder.rglob("*.tmp"))
    return content


def test_a_folder_with_a_damaged_file_and_names_that_are_alike(predict: Predict, weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "照片 [1]"
    pictures = [picture(folder / f"{number}.png", number) for number in range(6)]
    pictures += [picture(folder / "a" / "0.png", 6), picture(folder / "b" / "0.png", 7), picture(folder / "0.jpg", 8)]
    (folder / "broken.png").write_bytes(pictures[0].read_bytes()[:200])
    (folder / "notes.txt").write_text("no image")

    told = predict("source=照片 [1]", "save_conf=true", "out=结果 [2]")
    assert (told["code"], told["images"], told["out"]) == (1, 9, "结果 [2]")
    assert [Path(each["source"]).name for each in told["failed"]] == ["broken.png"]
    assert "broken.png: the image does not decode" in told["err"]

    out = tmp_path / "结果 [2]"
    content = results(out)
    names = {entry["name"]: Path(entry["source"]) for entry in content["images"]}
    assert sorted(names) == ["0", "0-2", "1", "2", "3", "4", "5", "a/0", "b/0"]
    assert [each["reason"] for each in content["failed"]] == [each["reason"] for each in told["failed"]]
    best = yolograft.load(weights)
    coco = json.loads((out / "coco.json").read_text())
    for entry in content["images"]:
        image = read(tmp_path / entry["source"])
        direct = best.predict(image, conf=0.3, verbose=False)[0].boxes
        found = entry["found"][0]
        assert [each["label"] for each in found] == direct.cls.int().tolist()
        assert np.allclose([each["box"] for each in found], direct.xyxy.numpy(), atol=0.01)
        lines = (out / "labels" / f"{entry['name']}.txt").read_text().splitlines()
        rows = np.array([line.split() for line in lines], float)
        assert np.allclose(rows[:, 1:5], direct.xywhn.numpy(), atol=1e-5)
        assert np.allclose(rows[:, 5], direct.conf.numpy(), atol=1e-5)
        drawn = read(out / "pictures" / f"{entry['name']}.jpg")
        assert drawn.shape == image.shape
        number = int(entry["name"]) if entry["name"].isdecimal() else entry["name"]
        own = [each for each in coco if each["image_id"] == number]
        assert [each["bbox"][2] for each in own] == pytest.approx(direct.xywh[:, 2].tolist(), abs=0.02)
    assert told["runs"][0]["boxes"] == sum(len(entry["found"][0]) for entry in content["images"]) > 9

    # again: a folder in use is refused, a run without a name gets a new one, and its own pictures are no source
    assert main(["predict", f"run={weights}", "source=照片 [1]", "out=结果 [2]"]) == 2
    for expected in ("predictions", "predictions-2"):
        assert predict("source=.", "max_det=1")["out"] == expected
    assert len(results(tmp_path / "predictions-2")["images"]) == 9
    assert predict("source=照片 [1]/0.jpg", "out=结果 [2]", "overwrite=true")["code"] == 0
    assert len(results(out)["images"]) == 1


def test_a_video_is_tracked_and_runs_stand_side_by_side(
    predict: Predict, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "中文" / "checkpoints" / "best.safetensors"
    write_weights(other, {0: "猫", 1: "a\x1b[31mb"}, neck="gsconv")
    video(tmp_path / "clip.avi")
    picture(tmp_path / "clip" / "000001.png")
    runs = f"[{weights},中文]"
    told = predict("track=true", "tracker=bytetrack", "vid_stride=2", "clip.avi", "clip", run=runs)
    assert (told["code"], told["images"], told["frames"]) == (0, 1, 3)
    out = tmp_path / "predictions"
    content = results(out)
    frames = [entry for entry in content["images"] if entry["frame"]]
    assert [entry["frame"] for entry in frames] == [1, 3, 5]
    assert frames[0]["name"] == "clip"
    tracks = [{each["track"] for each in entry["found"][0]} for entry in frames]
    assert tracks[0] & tracks[1] & tracks[2], "an object is followed"
    names = [run["name"] for run in content["runs"]]
    assert names == [weights.parent.parent.name, "中文"]
    capture = cv2.VideoCapture(str(out / "pictures" / "clip.avi"))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (3, 5)
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 2 * 96 + 6
    assert len(list((out / "labels" / "中文").rglob("*.txt"))) == 4
    line = (out / "labels" / names[0] / "clip" / "000001.txt").read_text().splitlines()[0].split()
    assert len(line) == 6
    assert int(line[5]) in tracks[0]
    # the table is plain
    assert main(["predict", "run=中文", "source=clip.avi", "conf=0.05", "classes=[1]", "device=cpu", "save=false"]) == 0
    told_plainly = capsys.readouterr().out
    assert r"a\x1b[31mb" in told_plainly
    assert "\x1b" not in told_plainly
    assert not (tmp_path / "predictions-2" / "pictures").exists()


def test_a_list_on_standard_input_of_which_one_is_missing(weights: Path, tmp_path: Path) -> None:
    """As a user does it: a process of its own, that reads the list as it comes and keeps what it has."""
    files = [picture(tmp_path / f"{number}.jpg", number) for number in range(9)]
    files.insert(4, tmp_path / "gone.jpg")
    arguments = [sys.executable, "-m", "yolograft", "predict", f"run={weights}", "source=-", "conf=0.3", "device=cpu"]
    process = subprocess.Popen(
        arguments, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(f"{files[0]}\n")
    process.stdin.flush()
    lines = tmp_path / "predictions" / "predictions.jsonl"
    for _ in range(600):
        if lines.exists() and lines.read_text().count("\n") == 2:
            break
        threading.Event().wait(0.1)
    assert (tmp_path / "predictions" / "labels" / "0.txt").exists(), "results are there before the list ends"
    out, err = process.communicate("\n".join(map(str, files[1:])) + "\n", timeout=120)
    assert process.returncode == 1, err
    assert "gone.jpg: the image does not exist" in err
    assert "9 images, 1 sources that could not be read" in out
    assert [entry["name"] for entry in results(tmp_path / "predictions")["images"]] == [str(n) for n in range(9)]


def test_slices_are_looked_at_and_joined(predict: Predict, weights: Path, tmp_path: Path) -> None:
    image = read(picture(tmp_path / "large.png", size=(200, 120)))
    assert predict("source=large.png", "slice=64")["code"] == 0
    found = results(tmp_path / "predictions")["images"][0]["found"][0]
    assert all(0 <= each["box"][0] < each["box"][2] <= 200 for each in found)
    corner = yolograft.load(weights).predict(np.ascontiguousarray(image[56:, 136:]), conf=0.3, verbose=False)[0].boxes
    left, top, right, bottom = (corner.xyxy[0] + corner.xyxy.new_tensor([136, 56, 136, 56])).tolist()
    same = [each["box"] for each in found if each["label"] == int(corner.cls[0])]
    shared = [(min(right, x2) - max(left, x1)) * (min(bottom, y2) - max(top, y1)) for x1, y1, x2, y2 in same]
    assert max(shared) > 0.5 * (right - left) * (bottom - top), "the last slice's first object, moved to its place"
    limited = predict("source=large.png", "slice=64", "max_det=3", "classes=[star]")
    assert limited["runs"][0]["per_class"].keys() <= {"star"}
    assert limited["runs"][0]["boxes"] <= 3


class Site(BaseHTTPRequestHandler):
    """A picture, one that claims to be endless, one that is, one that never comes, and a page."""

    content = b""

    def do_GET(self) -> None:
        if self.path.startswith("/gone"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/page" else "image/png")
        if self.path == "/claims.png":
            self.send_header("Content-Length", str(10**12))
        self.end_headers()
        if self.path == "/silent.png":
            threading.Event().wait(3)
        elif self.path == "/endless.png":
            for _ in range(1000):
                self.wfile.write(b"x" * 2**16)
        else:
            self.wfile.write(b"<html>" if self.path == "/page" else self.content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    Site.content = picture(tmp_path / "served" / "x.png").read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_addresses_are_fetched_with_limits(
    predict: Predict, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_FETCHED", 2**20)
    monkeypatch.setattr(reading, "_PATIENCE", (1.0, 1.0))
    paths = ["cat.png?key=secret", "claims.png", "endless.png", "silent.png", "gone.png", "page"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{site}/{path}\n" for path in paths)))
    told = predict("source=-")
    assert (told["code"], told["images"]) == (1, 1)
    entry = results(tmp_path / "predictions")["images"][0]
    assert (entry["name"], entry["source"]) == ("cat", f"{site}/cat.png")
    reasons = {Path(each["source"]).name: each["reason"] for each in told["failed"]}
    assert reasons["claims.png"] == reasons["endless.png"] == "is larger than 1 MiB"
    assert "does not answer in time" in reasons["silent.png"] or "cannot be fetched" in reasons["silent.png"]
    assert reasons["gone.png"] == "the server answers 404"
    assert "not an image" in reasons["page"]
    assert "secret" not in json.dumps(results(tmp_path / "predictions")) + json.dumps(told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["source=gone.jpg"], "source=gone.jpg: does not exist"),
        (["source=empty"], "no images or videos in this folder"),
        (["source=*.jpg"], "no file matches"),
        (["source=a.png", "track=true", "slice=64"], "exclude each other"),
        (["source=a.png", "classes=[circel]"], "did you mean circle"),
        (["source=a.png", "classes=[9]"], "has no such class"),
        (["source=a.png", "out=a.png"], "is a file"),
        (["source=a.png", "conf=2"], "conf=2"),
        (["source=a.png", "imgsz=33"], "multiple of 32"),
        (["source=a.png", "tracker=x"], "tracker=x"),
        (["source=a.png", "run=nowhere"], "run=nowhere: there is no"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], said: str, predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.iterdir())
    run = [word.partition("=")[2] for word in arguments if word.startswith("run=")]
    told = predict(*(word for word in arguments if not word.startswith("run=")), **({"run": run[0]} if run else {}))
    assert told["code"] == 2
    assert said in told["err"]
    assert told["err"].count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_camera_that_is_not_there_and_files_that_are_no_videos(predict: Predict, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "text.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "cut.avi").write_bytes(video(tmp_path / "v" / "clip.avi").read_bytes()[:300])
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        os.mkfifo(tmp_path / "pipe.jpg")
    fifos = ["pipe.mp4", "pipe.jpg"] if hasattr(os, "mkfifo") else []
    told = predict(f"source=[77,a.png,text.mp4,empty.mp4,cut.avi,{','.join(fifos)}]")
    assert (told["code"], told["images"], told["frames"]) == (1, 1, 0)
    assert len(told["failed"]) == 4 + len(fifos)
    reasons = {each["source"]: each["reason"] for each in told["failed"]}
    assert "no such camera" in reasons["77"]
    assert reasons["empty.mp4"] == "the video is empty (0 bytes)"
    assert told["err"].count("\n") == len(told["failed"])


def test_what_a_word_stands_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a/x.jpg", "a/b/x.png", "a/b/y.mp4", "a/.hidden.jpg", "a/[1].jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def names(*words: str | int) -> list[tuple[str, str]]:
        return [(source.kind, source.name) for source in expand(words, io.StringIO())[0]]

    assert names("a") == [("image", "[1].jpg"), ("image", "x.jpg"), ("image", "b/x.png"), ("video", "b/y.mp4")]
    assert names("a/**/x.*") == [("image", "b/x.png"), ("image", "x.jpg")]
    assert names("a/[1].jpg") == [("image", "[1].jpg")]
    assert names(str(tmp_path / "a" / "x.jpg"), 0) == [("image", "x.jpg"), ("camera", "camera-0")]
    listed = expand(["-"], io.StringIO("../out/x.jpg\na/b/x.png\n"))[0]
    assert [source.name for source in listed] == ["out/x.jpg", "a/b/x.png"]
    assert names("rtsp://me:secret@host/live?x=1", "https://host/") == [("stream", "live"), ("address", "host")]
    assert Source("stream", "rtsp://me:secret@host/live?x=1", "live").shown == "rtsp://host/live"
    lines = io.StringIO("a/x.jpg\n\n0\nnothing/*.jpg\n")
    assert [source.place for source in expand(["-"], lines)[0]] == ["a/x.jpg", "0", "nothing/*.jpg"]


def test_no_name_is_given_twice() -> None:
    names = Names()
    given = [names.claim(name) for name in ("a/x.jpg", "a/x.png", "A/X.jpg", "b.c.jpg")]
    assert given == ["a/x", "a/x-2", "A/X-3", "b.c"]
    assert names.claim("a.mp4", folder=True) == "a-2", "the folder a holds images"
    assert names.claim("clip.mp4", folder=True) == "clip"
    assert names.claim("clip/000001.jpg") == "clip-2/000001", "the folder clip is for frames"
    assert names.claim("clip.mkv", folder=True) == "clip-3"


def test_what_was_found_stays_when_it_is_stopped(tmp_path: Path) -> None:
    written = output.Output(tmp_path, [{"name": "a", "names": {0: "x"}}], {}, labels=True, with_confidence=False)
    written.add("a.jpg", "a", None, (10, 10), [[]])
    assert [json.loads(line).get("name") for line in (tmp_path / "predictions.jsonl").open()] == [None, "a"]
    assert (tmp_path / "labels" / "a.txt").read_text() == ""

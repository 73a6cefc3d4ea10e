"""The program ends without Python's taking everything apart: nobody notices but for the time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def ended(
    folder: Path, before: str = "", after: str = "", words: str = "--version"
) -> subprocess.CompletedProcess[str]:
    """Run the program in a process that does something before and after it."""
    code = (
        f"import atexit, os, sys, threading\nsys.argv = ['yolograft', {words!r}]\n"
        f"from yolograft.cli import main as program\n{before}\ncode = program.main()\n{after}\nsys.exit(code)"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_files_left_open_threads_and_exit_functions_are_as_in_any_program(tmp_path: Path) -> None:
    done = ended(
        tmp_path,
        after="""
left = open('left.txt', 'w')
left.write('written')
left.itself = [left]  # garbage that is never collected
atexit.register(lambda: open('at exit.txt', 'w').write('written'))
def late():
    import time
    time.sleep(0.3)
    with open('thread.txt', 'w') as file:
        file.write('written')
threading.Thread(target=late).start()
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("yolograft ")
    for name in ("left.txt", "at exit.txt", "thread.txt"):
        assert (tmp_path / name).read_text() == "written", name


def test_a_standard_output_that_somebody_has_closed_is_no_failure(tmp_path: Path) -> None:
    done = ended(tmp_path, after="sys.stdout.close()")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("words", "code"), [("--help", 0), ("nonsense", 2)])
def test_its_code_is_the_commands(words: str, code: int, tmp_path: Path) -> None:
    assert ended(tmp_path, words=words).returncode == code


def test_a_fault_of_the_program_has_a_traceback_and_code_1(tmp_path: Path) -> None:
    done = ended(
        tmp_path, before="def fault(*_): raise RuntimeError('of the test')\nprogram._run = fault", words="info"
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("RuntimeError: of the test")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked there")
def test_a_copy_of_the_process_ends_in_its_own_way(tmp_path: Path) -> None:
    after = "if not (copy := os.fork()): sys.exit(7)\nprint(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]))"
    done = ended(tmp_path, after=after)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "7"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_written_is_said_and_no_success(unbuffered: str) -> None:
    program = [sys.executable, "-m", "yolograft", "--help"]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(program, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("yolograft: ")
    assert done.stderr.endswith("o space left on device\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="a shell's way of closing a stream")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("line", ["{} --help >&-", "{} --help | true"])
def test_without_standard_output_or_a_reader_it_ends_quietly(line: str, unbuffered: str) -> None:
    command = line.format(f"'{sys.executable}' -m yolograft")
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

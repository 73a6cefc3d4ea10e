"""The `yolograft` program: pick the command, check its arguments, and only then import what is heavy."""

import contextlib
import io
import os
import signal
import sys
from pathlib import Path

from yolograft.cli.commands import COMMANDS
from yolograft.common.ending import Ending
from yolograft.common.imports import own_process, uncollected


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 failed, 2 refused.

    Args:
        arguments: Its words; None takes those that the process was started with, and the process is the program's own.
    """
    if arguments is not None:
        return _answer(arguments)
    own_process()
    ending = Ending()
    ending.code = _answer(sys.argv[1:])
    return ending.code


def _answer(args: list[str]) -> int:
    from yolograft.common.errors import UserError, machine_fault
    from yolograft.common.text import plain

    if isinstance(sys.stdout, io.TextIOWrapper):  # names in any script, also into a file on Windows
        sys.stdout.reconfigure(errors="backslashreplace")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # else it looks for them in every installed package
    interrupts = _note_interrupts()
    try:
        return _run(args)
    except UserError as mistake:
        print(f"yolograft: {plain(str(mistake))}", file=sys.stderr)  # it may quote a stranger's file
        return 2
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:
        if interrupts or isinstance(error, KeyboardInterrupt):
            print("yolograft: stopped", file=sys.stderr)
            return 130
        if (reason := machine_fault(error)) is None:
            raise
        print(f"yolograft: {reason}", file=sys.stderr)
        return 1


def _run(args: list[str]) -> int:
    from yolograft.common.errors import UserError

    if not args or args[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if args[0] == "--version":
        from yolograft.common.version import __version__

        print(f"yolograft {__version__}")
        return 0
    command, rest = args[0], args[1:]
    if "" not in sys.path and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # a person's own parts are found in the folder they work in, as with `python -m`
    if command not in COMMANDS:
        from yolograft.common.suggestions import did_you_mean
        from yolograft.config.habits import TASKS

        if command in TASKS:
            instead = next((word for word in rest if word in COMMANDS), "train")
            raise UserError(f"{command}: {TASKS[command]}: yolograft {instead} …")
        raise UserError(
            f"{command}: there is no such command{did_you_mean(command, COMMANDS)} Known: {', '.join(COMMANDS)}"
        )
    with uncollected():
        if {"-h", "--help"} & set(rest):
            from yolograft.config.help import command_help

            overrides = [word for word in rest if not word.startswith("-")]
            print(command_help(command, overrides, COMMANDS[command].notes), flush=True)
            return 0
        from yolograft.cli.command_line import check_command_line
        from yolograft.cli.folders import with_keys

        line = check_command_line(command, with_keys(command, rest))
        if line.shown is not None:
            print(line.shown, end="", flush=True)
            return 0
        function = COMMANDS[command].load_function()
    return function(line)


def _note_interrupts() -> list[int]:
    """Return a list that grows with every Ctrl-C: some imports turn KeyboardInterrupt into an error of their own."""
    seen: list[int] = []

    def interrupt(signum: int, frame: object) -> None:
        seen.append(signum)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, or somebody else's
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, interrupt)
    return seen


def _usage() -> str:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    return (
        "yolograft COMMAND [GROUP=OPTION …] [KEY=VALUE …]\n\n"
        f"{listed}\n\n"
        "  yolograft COMMAND --help      the groups, keys and values of a command\n"
        "  yolograft train               YOLO11n on generated shapes, nothing to download\n"
        "  yolograft train experiments=smoke"
    )

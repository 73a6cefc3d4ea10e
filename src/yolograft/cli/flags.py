"""The flags of the program. Everything else on a command line is a setting, KEY=VALUE."""

from collections.abc import Sequence
from dataclasses import dataclass

from yolograft.common.errors import UserError

_CFG = ("job", "hydra", "all")
_HYDRAS = (
    "--config-dir",
    "--config-name",
    "--config-path",
    "--experimental-rerun",
    "--hydra-help",
    "--info",
    "--package",
    "--shell-completion",
    "-cd",
    "-cn",
    "-cp",
    "-i",
    "-p",
    "-r",
    "-sc",
)


@dataclass(frozen=True)
class Flags:
    """A command line taken apart.

    Attributes:
        overrides: The settings, as given.
        multirun: `-m`: one run for each of several values.
        cfg: `--cfg job`: show the config and do nothing; `hydra` shows Hydra's own part, `all` both.
        resolve: With `--cfg`: with all references resolved.
    """

    overrides: list[str]
    multirun: bool = False
    cfg: str | None = None
    resolve: bool = False


def parse_flags(arguments: Sequence[str]) -> Flags:
    """Tell flags from settings.

    Args:
        arguments: What follows the command's name.

    Raises:
        UserError: For a flag that does not exist here, or `--cfg` without a word that it knows.
    """
    overrides: list[str] = []
    multirun, resolve, cfg = False, False, None
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            overrides.append(word)
        elif word in ("-m", "--multirun"):
            multirun = True
        elif word == "--resolve":
            resolve = True
        elif flag in ("-c", "--cfg"):
            cfg = value if equals else next(words, "")
            if cfg not in _CFG:
                raise UserError(f"--cfg {cfg}".rstrip() + f": must be followed by one of {', '.join(_CFG)}")
        elif flag in _HYDRAS:
            raise UserError(f"{flag}: this flag of Hydra's has no meaning here; known flags: -m, --cfg job, --help")
        else:
            key, meant = flag.lstrip("-"), value or next(words, "…")
            example = f"{key}={meant}" if key.isidentifier() and len(key) > 1 else "epochs=3"
            raise UserError(f"{flag}: there is no such flag; settings are written KEY=VALUE, as {example}")
    return Flags(overrides, multirun, cfg, resolve)

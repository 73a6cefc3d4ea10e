"""Folders named on a command line without their key: `yolograft report multirun/necks`."""

import os
from collections.abc import Sequence

from yolograft.cli.commands import COMMANDS
from yolograft.common.errors import UserError

_ALONE = ("-m", "--multirun", "--resolve")
"""Flags that take no value; the word after another one, also after one that does not exist, is no folder."""


def with_keys(command: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments with folders under their key, quoted for Hydra; those of other commands as they are.

    Args:
        command: A name of `COMMANDS`.
        arguments: What follows it on the command line.

    Raises:
        UserError: Folders stand beside the key that they stand for, or are several where one is looked at.
    """
    meaning = COMMANDS[command].folders
    folders = [
        word
        for place, word in enumerate(arguments)
        if _is_folder(word) and not (place and _takes_a_word(arguments[place - 1]))
    ]
    if meaning is None or not folders:
        return list(arguments)
    rest = [word for word in arguments if word not in folders]
    key = meaning.key
    if any(word.startswith(f"{key}=") for word in rest):
        raise UserError(f"{folders[0]}: write all folders alike, without {key}= or all in it")
    if len(folders) > 1 and not meaning.several:
        raise UserError(f"{' '.join(folders)}: {command} takes one folder")
    if meaning.needs and not any(word.startswith(meaning.needs.partition("=")[0] + "=") for word in rest):
        rest = [meaning.needs, *rest]
    quoted = ",".join("'{}'".format(folder.replace("'", "\\'")) for folder in folders)
    return [f"{key}={quoted}" if len(folders) == 1 else f"{key}=[{quoted}]", *rest]


def _is_folder(word: str) -> bool:
    """Whether a word is no flag and no override: without `=`, or the name of a folder that holds one."""
    if word.startswith(("-", "+")) or (word.startswith("~") and not word.startswith("~/")):
        return False
    return bool(word) and ("=" not in word or os.path.isdir(word))  # noqa: PTH112 - Path's raises for a name too long


def _takes_a_word(word: str) -> bool:
    return word.startswith("-") and "=" not in word and word not in _ALONE

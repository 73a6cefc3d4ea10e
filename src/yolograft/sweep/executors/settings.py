"""The executors: the word and the keys of each, and which extra brings it. None of their packages is imported for that.

Adding one is a class with `run` in a file of its own, an entry in `EXECUTORS`, and `conf/hydra/launcher/NAME.yaml`.
"""

import importlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from yolograft.common.errors import UserError
from yolograft.common.suggestions import did_you_mean
from yolograft.config.check import check_values
from yolograft.config.schema import Strict, Text
from yolograft.sweep.executors.base import Executor


class Basic(Strict):
    """`hydra/launcher=basic`, which takes no keys."""


class Joblib(Strict):
    """`hydra/launcher=joblib`; conf/hydra/launcher/ explains the keys of all of them."""

    n_jobs: PositiveInt | Literal["auto"]
    jobs_per_gpu: PositiveInt


class _Submitit(Strict):
    timeout_min: PositiveInt
    max_num_timeout: Annotated[int, Field(ge=0)]
    submitit_folder: str


class SubmititLocal(_Submitit):
    """`hydra/launcher=submitit_local`."""

    max_parallel: PositiveInt | Literal["auto"]
    jobs_per_gpu: PositiveInt


class SubmititSlurm(_Submitit):
    """`hydra/launcher=submitit_slurm`."""

    partition: Text | None
    gpus_per_node: Annotated[int, Field(ge=0)] | str | None
    cpus_per_task: PositiveInt | None
    mem_gb: PositiveFloat | None
    signal_delay_s: PositiveInt
    array_parallelism: PositiveInt
    qos: Text | None
    account: Text | None
    constraint: Text | None
    exclude: Text | None
    gres: Text | None
    name: Text
    setup: list[str]
    additional_parameters: dict[str, Any]


class Ray(Strict):
    """`hydra/launcher=ray`."""

    num_gpus: NonNegativeFloat | Literal["auto"]
    num_cpus: PositiveFloat | Literal["auto"]
    init: dict[str, Any]
    remote: dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of executor.

    Attributes:
        settings: What the keys of `hydra.launcher` must be; they are the arguments of its class.
        where: Its module and class.
        package: The package that it needs, which is also the name of the extra.
        elsewhere: Whether runs may be done on other machines, with other devices and disks than this one's.
    """

    settings: type[BaseModel]
    where: str
    package: str | None = None
    elsewhere: bool = False


EXECUTORS = {
    "basic": Kind(Basic, "local:LocalExecutor"),
    "joblib": Kind(Joblib, "joblib:JoblibExecutor"),
    "submitit_local": Kind(SubmititLocal, "submitit:SubmititLocalExecutor", "submitit"),
    "submitit_slurm": Kind(SubmititSlurm, "submitit:SubmititSlurmExecutor", "submitit", elsewhere=True),
    "ray": Kind(Ray, "ray:RayExecutor", "ray", elsewhere=True),
}
"""By the word after `hydra/launcher=`, which is also the `kind` in its YAML file."""


def check_executor(word: str, values: Mapping[str, Any]) -> str:
    """Refuse an executor that is not known or cannot work here, and keys that it does not have.

    Args:
        word: After `hydra/launcher=`.
        values: The keys of `hydra.launcher`, with `kind` where its YAML file says one.

    Returns:
        The kind: a key of `EXECUTORS`. A person's own YAML file that begins from one of ours has another word.

    Raises:
        UserError: It cannot be used.
    """
    kind = word if word == "basic" else str(values.get("kind"))
    if kind not in EXECUTORS:
        near = did_you_mean(kind if word in EXECUTORS else word, EXECUTORS)
        said = f"hydra.launcher.kind={kind}" if word in EXECUTORS else f"hydra/launcher={word}"
        raise UserError(f"{said}: no launcher of yolograft's{near} Known: {', '.join(EXECUTORS)}")
    package = EXECUTORS[kind].package
    if package and find_spec(package) is None:
        raise UserError(f"hydra/launcher={word}: needs {package}: pip install 'yolograft[{package}]'")
    if package == "submitit" and os.name == "nt":
        raise UserError(f"hydra/launcher={word}: submitit does not work on Windows; use hydra/launcher=joblib")
    if kind == "submitit_slurm" and not shutil.which("srun"):
        raise UserError(f"hydra/launcher={word}: there is no Slurm here (no srun); start it where jobs are submitted")
    check_values(EXECUTORS[kind].settings, keys(values), prefix="hydra.launcher.")
    return kind


def make_executor(kind: str, values: Mapping[str, Any]) -> Executor:
    """Return an executor.

    Args:
        kind: A key of `EXECUTORS`.
        values: The keys of `hydra.launcher`, checked.
    """
    module, _, name = EXECUTORS[kind].where.partition(":")
    made: Executor = getattr(importlib.import_module(f"yolograft.sweep.executors.{module}"), name)(**keys(values))
    return made


def keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `hydra.launcher` or `hydra.sweeper` without those that say which it is: ours, and Hydra's."""
    hydras = str(values.get("_target_", "")).startswith("hydra._internal.core_plugins.")  # of its default, `basic`
    return {key: value for key, value in values.items() if key != "kind" and not (hydras and key == "_target_")}

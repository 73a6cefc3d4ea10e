"""What the launchers may be told, and which extra brings each; none of their packages is imported for that."""

import os
import shutil
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from yolograft.common.errors import UserError
from yolograft.config.schema import Strict, Text


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


_MODELS: dict[str, type[BaseModel]] = {
    "joblib": Joblib,
    "submitit_local": SubmititLocal,
    "submitit_slurm": SubmititSlurm,
    "ray": Ray,
}


def launcher_model(launcher: str) -> type[BaseModel] | None:
    """Return what the keys of `hydra.launcher` must be; None for a launcher that is not ours.

    Args:
        launcher: The word after `hydra/launcher=`.

    Raises:
        UserError: If it cannot work here.
    """
    if launcher not in _MODELS:
        return None
    package = launcher.split("_")[0]
    if find_spec(package) is None:
        raise UserError(f"hydra/launcher={launcher}: needs {package}: pip install 'yolograft[{package}]'")
    if package == "submitit" and os.name == "nt":
        raise UserError(f"hydra/launcher={launcher}: submitit does not work on Windows; use hydra/launcher=joblib")
    if launcher == "submitit_slurm" and not shutil.which("srun"):
        raise UserError(
            "hydra/launcher=submitit_slurm: there is no Slurm here (no srun); start it where jobs are submitted"
        )
    return _MODELS[launcher]

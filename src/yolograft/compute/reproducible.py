"""Random seeds, threads and deterministic algorithms for the time of a training; restored afterwards."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed(number: int, device: torch.device) -> None:
    """Seed torch's generators of the CPU and of one device.

    `torch.manual_seed` seeds those of all kinds of devices; for each that is not in use it notes a stack trace instead,
    which takes milliseconds where the stack is deep.

    Args:
        number: The seed.
        device: Where the training computes; of CUDA devices the current one.
    """
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)


@contextmanager
def reproducible(seed: int, threads: int, deterministic: bool) -> Iterator[None]:
    """Seed all random number generators and compute deterministically inside; at the end all is as it was before.

    Args:
        seed: For Python's, NumPy's and torch's random numbers. ultralytics seeds with `seed + 1 + RANK` (RANK -1).
        threads: CPU threads of torch; ultralytics' import leaves one.
        deterministic: Choose deterministic algorithms where there are some (as ultralytics, warn only).
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    threads_before = torch.get_num_threads()
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic
    filling: Any = torch.utils.deterministic  # its attribute is a property of the module, unknown to mypy
    fill = filling.fill_uninitialized_memory
    cublas = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    if deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        filling.fill_uninitialized_memory = False
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])
        torch.backends.cudnn.deterministic = cudnn
        filling.fill_uninitialized_memory = fill
        if cublas is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
        else:
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = cublas

"""A W&B server for the tests of this folder."""

import os
from collections.abc import Iterator

import pytest

from helpers.standin_wandb import StandIn


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A W&B server that this process finds, and knows the key of."""
    import wandb

    wandb.teardown()
    with StandIn() as standin:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            monkeypatch.delenv(name)
        for name, value in standin.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
        yield standin
        wandb.teardown()

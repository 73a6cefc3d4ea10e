"""Turn a `train` command line into a request: each run is composed once, and checked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from yolograft.common.errors import UserError
from yolograft.config.check import validate
from yolograft.config.compose import compose, container_of, parse
from yolograft.runs.places import check_folders, refuse_links, refuse_unwritable
from yolograft.runs.spec import RunSpec, choices_of, run_spec
from yolograft.sweep.executors.settings import check_executor
from yolograft.sweep.grid import grid, sweep_folder, where_it_was
from yolograft.sweep.request import Request, SearchRequest, sweep_request
from yolograft.sweep.search_space import (
    Search,
    check_folder,
    check_space,
    check_sweeper,
    holds_search,
    probes,
    refuse_intervals,
    signature,
)
from yolograft.training.config import MOST_SEEDS, TrainConfig

_MANY = 100  # runs


def single_request(composed: DictConfig, config: dict[str, Any], typed: str) -> Request:
    """Return the request for one run.

    Args:
        composed: Its config, with Hydra's own key.
        config: The same, resolved, without that key, and checked.
        typed: The command line.

    Raises:
        UserError: The run's folder cannot be used.
    """
    _refuse_callbacks(composed)
    single = [run_spec(composed, config, command=typed)]
    refuse_unwritable(single)
    check_folders(single, None)
    refuse_links(spec.folder for spec in single)
    return Request(typed, single)


@dataclass(frozen=True)
class SweepLine:
    """The parsed command line of a sweep.

    Attributes:
        composed: Its config without what is swept but for the first option of groups, with Hydra's own key.
        overrides: All overrides, those of an experiment and `seeds=` included.
        search: The settings of a search; None for a grid.
        executor: The kind of executor.
        lines: The overrides of each run; of a search those of runs that have every value of its space once.
        folder: The sweep's folder.
        before: The folder that it had by an earlier rule.
        typed: The command line.
    """

    composed: DictConfig
    overrides: Sequence[Override]
    search: Search | None
    executor: str
    lines: Sequence[Sequence[str]]
    folder: Path
    before: Path
    typed: str

    @classmethod
    def of(cls, composed: DictConfig, overrides: Sequence[Override], typed: str) -> "SweepLine":
        """Parse a command line.

        Args:
            composed: Its config without what is swept but for the first option of groups, with Hydra's own key.
            overrides: Its overrides.
            typed: The command line.

        Raises:
            UserError: Its sweeper, launcher, seeds or folder cannot be used.
        """
        _refuse_callbacks(composed)
        sweeper = _plain(composed.hydra, "sweeper")
        settings = check_sweeper(_choice(composed, "sweeper"), sweeper)
        swept = parse([f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()])
        executor = check_executor(_choice(composed, "launcher"), _plain(composed.hydra, "launcher"))
        every = [*swept, *overrides]
        if (seeds := composed.get("seeds")) is not None:
            every += parse([_seed_axis(seeds, every)])
        _refuse_swept_hydra(every)
        folder, before = sweep_folder(composed, every)
        if settings is None:
            refuse_intervals(every)
        else:
            check_space(every)
        lines = list(probes(every) if settings else grid(every))
        return cls(composed, every, settings, executor, lines, folder, before, typed)

    def first_config(self) -> DictConfig:
        """Compose and check the first run.

        Raises:
            UserError: It is refused.
        """
        return next(self._specs(self.lines[:1], self.folder))[1]

    def request(self) -> Request:
        """Compose and check every run.

        Raises:
            UserError: One is refused, or their folders cannot be used.
        """
        folder = self.folder
        specs = [spec for spec, _ in self._specs(self.lines, folder)]
        refuse_unwritable(specs, sweep=True)
        check_folders(specs, folder)
        search = None
        if self.search:
            _refuse_for_search(specs[0].config)
            search = SearchRequest(self.search, self.overrides, signature(self.search, self.overrides, specs[0].config))
            folder = self.before if holds_search(self.before, search.signature) else folder
            check_folder(folder, search.signature)
        elif (there := where_it_was(specs, folder, self.before)) != folder:
            folder = there
            specs = [spec for spec, _ in self._specs(self.lines, folder)]
        refuse_links((spec.folder for spec in specs if not search), folder)
        sweep = sweep_request(self.composed, self.overrides, folder, self.executor, search)
        return Request(self.typed, [], sweep, specs) if search else Request(self.typed, specs, sweep)

    def _specs(self, lines: Sequence[Sequence[str]], folder: Path) -> Iterator[tuple[RunSpec, DictConfig]]:
        """Compose and check runs, each once."""
        for number, line in enumerate(_counted(lines)):
            composed = compose("train", parse(line))
            config = container_of(composed)
            validate(TrainConfig, config, choices_of(composed.hydra))
            yield run_spec(composed, config, folder, number, self.typed), composed


def _counted(lines: Sequence[Sequence[str]]) -> Iterable[Sequence[str]]:
    """Return the lines; where they are many, show how far they are: each takes some 50 ms."""
    if len(lines) < _MANY:
        return lines
    from tqdm import tqdm  # type: ignore[import-untyped]

    counted: Iterable[Sequence[str]] = tqdm(lines, desc="checking runs", unit="run", delay=2, leave=False)
    return counted


def _choice(composed: DictConfig, group: str) -> str:
    return str(composed.hydra.runtime.choices[f"hydra/{group}"])


def _plain(hydra: DictConfig, key: str) -> dict[str, Any]:
    """Return a part of Hydra's config as plain containers."""
    plain = OmegaConf.to_container(hydra[key], resolve=True) if isinstance(hydra.get(key), DictConfig) else None
    if not isinstance(plain, dict):
        raise UserError(f"hydra.{key}: is set by hydra/{key}=NAME, and its keys by hydra.{key}.KEY=VALUE")
    return {str(key): value for key, value in plain.items()}


def _refuse_callbacks(composed: DictConfig) -> None:
    """Refuse Hydra callbacks, which would never be called."""
    for name in composed.hydra.get("callbacks") or {}:
        raise UserError(
            f"hydra.callbacks.{name}: Hydra's callbacks are not called here; one of Lightning's is added by "
            f"+callbacks.{name}._target_=MODULE.CLASS"
        )


def _refuse_swept_hydra(overrides: Iterable[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override() and override.is_hydra_override():
            raise UserError(f"{override.input_line}: several values are written in brackets, [a,b]")


def _seed_axis(seeds: Any, overrides: Sequence[Override]) -> str:
    """Return the override that `seeds=3` stands for."""
    # Before the axis is written out: the grammar takes a minute to read a million values.
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        raise UserError(
            f"seeds={seeds}: must be a number from 1 to {MOST_SEEDS}; seeds=3 trains each variant with seed=0,1,2"
        )
    for override in overrides:
        if override.key_or_group == "seed":
            raise UserError(f"seeds={seeds} {override.input_line}: say either how many seeds or which, as seed=0,1,2")
    return f"seed={','.join(map(str, range(seeds)))}"


def _refuse_for_search(config: dict[str, Any]) -> None:
    """Refuse what needs to know the runs beforehand: a search chooses them as it goes."""
    for key in ("plan", "constraint", "seeds"):
        if config[key]:
            raise UserError(f"{key}={config[key]}: not with hydra/sweeper=optuna, which chooses its runs as it goes")

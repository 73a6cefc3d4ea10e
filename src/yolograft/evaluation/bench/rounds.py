"""Calls timed in turns, A B C A B C …, so that whatever else the machine does falls on all of them alike."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence


def in_turns(calls: Sequence[Callable[[], object]], rounds: int, wait: Callable[[], object]) -> Iterator[list[float]]:
    """Time calls, each once in a round; Python collects no garbage meanwhile.

    Args:
        calls: What is timed.
        rounds: How often.
        wait: Waits until the device has done what a call asked for.

    Yields:
        The seconds of each call, after every round.
    """
    collected = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            seconds = []
            for call in calls:
                wait()
                began = time.perf_counter()
                call()
                wait()
                seconds.append(time.perf_counter() - began)
            yield seconds
    finally:
        if collected:
            gc.enable()

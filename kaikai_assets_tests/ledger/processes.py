"""One function in several processes that begin at the same moment."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

T = TypeVar("T")
_WAIT_S = 120
_gate: list[Barrier] = []


def at_once(function: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> list[T]:
    """Results of ``function(*call)``, each call in its own process. Raises what one of them raised."""
    context = get_context("spawn")
    gate = context.Barrier(len(calls))
    with ProcessPoolExecutor(len(calls), context, _keep, (gate,)) as pool:
        futures = [pool.submit(_at_gate, function, call) for call in calls]
        return [future.result(_WAIT_S) for future in futures]


def _keep(gate: Barrier) -> None:
    _gate.append(gate)


def _at_gate(function: Callable[..., T], call: tuple[Any, ...]) -> T:
    _gate[0].wait(_WAIT_S)
    return function(*call)

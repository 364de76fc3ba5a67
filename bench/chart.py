"""The picture of the benchmark: seconds and peak memory of each contender over the number of readings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure


def draw(curves: Mapping[str, Sequence[tuple[int, float, float]]], file: Path) -> None:
    """Write a picture of (readings, seconds, MiB) by contender."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, column, label in zip(figure.subplots(1, 2), (1, 2), ("seconds", "peak memory, MiB"), strict=True):
        for name, points in curves.items():
            ordered = sorted(points)
            axes.plot([one[0] for one in ordered], [one[column] for one in ordered], marker="o", label=name)
        axes.set(xscale="log", yscale="log", xlabel="readings", ylabel=label)
        axes.grid(alpha=0.3, which="both")
    figure.axes[0].legend(frameon=False)
    figure.savefig(file)

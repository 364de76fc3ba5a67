"""``kaikai simulate``."""

from datetime import date, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import AirDefects, AirFaults, simulate_air
from kaikai_assets.simulation.vitals import (
    FAULTS_PER_DAY,
    Profile,
    VitalsDefects,
    simulate_vitals,
)
from kaikai_assets.simulation.vitals_live import LONGEST_S, simulate_vitals_live

DEMO_START = date(2025, 3, 1)
DEMO_DAYS = 14
DEMO_VITALS_DAYS = 2


@click.group()
def simulate() -> None:
    """Write seeded raw files into the inbox, with the ground truth of every injected defect."""


@simulate.command("air")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default=DEMO_START.isoformat(), show_default=True)
@click.option("--days", type=click.IntRange(1), default=DEMO_DAYS, show_default=True)
@click.option("--sensors", type=click.IntRange(1), default=5, show_default=True)
@click.option("--interval", type=click.IntRange(1), default=300, show_default=True, help="Seconds between readings.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--defects/--no-defects", default=True, show_default=True)
@click.option(
    "--faults/--no-faults", default=False, show_default=True, help="Devices that drift, stick, fall silent, …"
)
@click.option(
    "--source", type=click.Choice(["kaikai_csv", "airgradient_export_5min"]), default="kaikai_csv", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: the inbox.")
@click.option(
    "--truth", type=click.Path(path_type=Path), help="CSV of injected defects; default: <data>/truth/air.csv."
)
def simulate_air_command(
    start: datetime,
    days: int,
    sensors: int,
    interval: int,
    seed: int,
    defects: bool,
    faults: bool,
    source: str,
    out: Path | None,
    truth: Path | None,
) -> None:
    """Write air-quality files and their registry."""
    settings = Settings()
    made = simulate_air(
        out or settings.inbox,
        start=start.date(),
        days=days,
        sensors=sensors,
        interval_s=interval,
        seed=seed,
        defects=AirDefects() if defects else AirDefects.none(),
        faults=AirFaults() if faults else AirFaults.none(),
        source="kaikai_csv" if source == "kaikai_csv" else "airgradient_export_5min",
        truth=truth or settings.data / "truth" / "air.csv",
    )
    click.echo(
        f"{made.files.height} files, {made.files['records'].sum()} records, {made.defects.height} defects, "
        f"{made.faults.height} faults"
    )


@simulate.command("vitals")
@click.option("--profile", type=click.Choice(["simple", "medical"]), default="simple", show_default=True)
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default=DEMO_START.isoformat(), show_default=True)
@click.option("--days", type=click.IntRange(1), default=DEMO_VITALS_DAYS, show_default=True)
@click.option(
    "--patients", type=click.IntRange(1), default=100, show_default=True, help="Of the medical profile; simple has 3."
)
@click.option(
    "--interval", type=click.IntRange(1), default=60, show_default=True, help="Seconds between readings of a patient."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--defects/--no-defects", default=True, show_default=True)
@click.option("--faults/--no-faults", default=True, show_default=True, help="Devices that shake, stick, fall silent, …")
@click.option("--live", is_flag=True, help="Drop small files in real time, without defects, for a week.")
@click.option("--seconds", type=click.FloatRange(0), help="With --live: stop after this many.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: the inbox.")
@click.option("--truth", type=click.Path(path_type=Path), help="Folder of what was injected; default: <data>/truth.")
@click.pass_context
def simulate_vitals_command(
    context: click.Context,
    profile: str,
    start: datetime,
    days: int,
    patients: int,
    interval: int,
    seed: int,
    defects: bool,
    faults: bool,
    live: bool,
    seconds: float | None,
    out: Path | None,
    truth: Path | None,
) -> None:
    """Write messages of bracelets and the registry of patients. None of them exists."""
    _refuse_idle(context)
    settings = Settings()
    kind: Profile = "simple" if profile == "simple" else "medical"
    if live:
        files = simulate_vitals_live(
            out or settings.inbox,
            profile=kind,
            patients=patients,
            interval_s=interval,
            seed=seed,
            seconds=LONGEST_S if seconds is None else seconds,
            faults_per_day=FAULTS_PER_DAY if faults else 0.0,
            truth=truth or settings.data / "truth",
        )
        click.echo(f"{files} files")
        return
    made = simulate_vitals(
        out or settings.inbox,
        profile=kind,
        start=start.date(),
        days=days,
        patients=patients,
        interval_s=interval,
        seed=seed,
        faults_per_day=FAULTS_PER_DAY if faults else 0.0,
        defects=VitalsDefects() if defects else VitalsDefects.none(),
        truth=truth or settings.data / "truth",
    )
    click.echo(
        f"{made.files.height} files, {made.files['records'].sum()} records, {made.crises.height} crises, "
        f"{made.faults.height} faults of devices, {made.defects.height} defects"
    )


def _refuse_idle(context: click.Context) -> None:
    """Raises ``click.UsageError`` for an option that would change nothing."""
    given = {name: value for name, value in context.params.items() if _is_given(context, name)}
    if context.params["live"]:
        idle = [name for name in ("start", "days") if name in given] + ["defects"] * bool(given.get("defects"))
        if idle:
            raise click.UsageError(f"--{idle[0]} does not go with --live, which starts now and has no defects")
    elif "seconds" in given:
        raise click.UsageError("--seconds goes with --live only")
    if context.params["profile"] == "simple" and "patients" in given:
        raise click.UsageError("--patients goes with --profile medical only: the simple profile has three")


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE

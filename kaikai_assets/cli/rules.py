"""``kaikai rules``."""

import json
from pathlib import Path

import click

from kaikai_assets.alerts.judged import read_set
from kaikai_assets.alerts.rules import Case, Condition, OneOf, Rule, json_schema, read_rules
from kaikai_assets.cli.opening import domains_of, open_platform


@click.group()
def rules() -> None:
    """Rule sets: what is shipped, and files that somebody is writing."""


_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@rules.command()
@_FILE
@click.option("--domain", "name", help="Also check that the domain has all metrics, units and attributes.")
def check(file: Path, name: str | None) -> None:
    """Check a rule set; an error names file, field and rule."""
    found = read_set(file, domains_of(open_platform(), name)[0].judged) if name else read_rules(file)
    click.echo(f"{file}: {found.rule_set}, version {found.version}: {len(found.rules)} rules")


@rules.command()
@_FILE
def show(file: Path) -> None:
    """Print a rule set, a line a rule."""
    found = read_rules(file)
    click.echo(f"{found.rule_set}, version {found.version}: {found.description}")
    for name, assumed in found.assumed.items():
        click.echo(f"  {name} unknown: taken as {assumed.value}, marked {assumed.mark}")
    width = max(len(rule.id) for rule in found.rules)
    for rule in found.rules:
        click.echo(f"  {rule.severity:8}  {rule.id:{width}}  {_in_words(rule)}")


@rules.command()
def schema() -> None:
    """Print the JSON Schema of rule sets."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _in_words(rule: Rule) -> str:
    if rule.silent_for:
        return f"no {rule.of} for {rule.silent_for}"
    words = [f"{rule.of}: " + " and ".join(_condition(condition) for condition in rule.all)]
    if rule.lasting:
        words.append(f"for {rule.lasting}")
    if rule.readings > 1:
        words.append(f"{rule.readings} in a row")
    if rule.repeats:
        words.append(f"{rule.repeats.n} times within {rule.repeats.within}")
    if rule.clear:
        words.append("cleared")
        words += [f"at {rule.clear.operator} {rule.clear.threshold:g}"] if rule.clear.threshold is not None else []
        words += [f"for {rule.clear.lasting}"] if rule.clear.lasting else []
        words += [f"after {rule.clear.readings} in a row"] if rule.clear.readings > 1 else []
    return " ".join(words)


def _condition(condition: Condition) -> str:
    if condition.impossible:
        return f"{condition.metric} impossible"
    thresholds = [f"{case.threshold:g} ({_when(case)})" for case in condition.cases] or [f"{condition.threshold:g}"]
    words = [condition.metric, str(condition.operator), " | ".join(thresholds)]
    if condition.unit != "1":
        words.append(str(condition.unit))
    if condition.change_over:
        words.append(f"(change over {condition.change_over})")
    if condition.baseline:
        words.append(f"(baseline of {condition.baseline.days} days {condition.baseline.where})")
    return " ".join(words)


def _when(case: Case) -> str:
    words = []
    for name, which in case.when.items():
        if isinstance(which, OneOf):
            words.append(f"{name} {' or '.join(which.one_of)}")
        else:
            low = "" if which.from_ is None else f"{which.from_:g} <= "
            words.append(f"{low}{name}" + ("" if which.to is None else f" < {which.to:g}"))
    return ", ".join(words)

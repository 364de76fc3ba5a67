"""Pictures of what a run built, as observations of the newest ended day: one for each table that has a picture."""

import base64
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from logging import Logger

import dagster as dg

from kaikai_assets.build.steps import Domain, Picture
from kaikai_assets.lake.tables import Lake
from kaikai_assets.ledger.targets import Target
from kaikai_assets.orchestration.specs import key_of
from kaikai_assets.quality.contracts import schema

PICTURE = "picture"


def pictures(
    lake: Lake, domain: Domain, built: Collection[Target], today: date, log: Logger
) -> Iterator[dg.AssetObservation]:
    """Pictures of the newest built day of each table before ``today``, a UTC date.

    Not of each day, and none of a day that each arriving file builds again: the event log stays small.

    The rows are committed already, and no figure depends on a picture: one that cannot be drawn is a warning of the
    run and says why in its place, and the run goes on.
    """
    for table, picture in domain.pictures.items():
        days = [date.fromisoformat(part) for name, part in built if name == table and part]
        if not (ended := [day for day in days if day < today]):
            continue
        newest = max(ended)
        try:
            shown = _inline(_drawn(lake, domain, table, picture, newest))
        except Exception as error:
            log.warning(f"{table}: its picture could not be drawn", exc_info=True)
            shown = dg.MetadataValue.text(f"could not be drawn: {type(error).__name__}: {error}")
        yield dg.AssetObservation(key_of(table), partition=newest.isoformat(), metadata={PICTURE: shown})


def _drawn(lake: Lake, domain: Domain, table: str, picture: Picture, newest: date) -> bytes:
    days = [newest - timedelta(days=n) for n in range(picture.before + 1)]
    return picture.draw(lake.read(table, schema(domain.contracts[table]), days), newest)


def _inline(png: bytes) -> dg.MetadataValue[str]:
    return dg.MetadataValue.md(f"![picture](data:image/png;base64,{base64.b64encode(png).decode()})")

"""The ledger as one object."""

from kaikai_assets.ledger.alert_tables import AlertTables
from kaikai_assets.ledger.alerts import Alerts
from kaikai_assets.ledger.database import Database
from kaikai_assets.ledger.journal import Journal
from kaikai_assets.ledger.landed import LandedFiles
from kaikai_assets.ledger.outbox import Outbox
from kaikai_assets.ledger.privacy import Privacy
from kaikai_assets.ledger.runs import RunLog
from kaikai_assets.ledger.served import Served
from kaikai_assets.ledger.targets import Targets


class Ledger:
    """Access to the ledger at a SQLAlchemy URL: what ``landed``, the ``targets`` that were built, which files
    were ``served``, the ``runs``, what concerns ``privacy``, what became of ``alerts`` and the ``outbox`` of messages
    about them.

    The ``journal`` is all that nothing can make again.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.landed = LandedFiles(self._database)
        self.targets = Targets(self._database)
        self.served = Served(self._database)
        self.runs = RunLog(self._database)
        self.privacy = Privacy(self._database)
        self.alerts = Alerts(self._database)
        self.alert_tables = AlertTables(self._database)
        self.outbox = Outbox(self._database)
        self.journal = Journal(self._database)

    def close(self) -> None:
        """Close its connections; the next use opens them again."""
        self._database.close()

"""``kaikai``: land, build, look at and keep the platform from a shell, without a daemon.

Belongs here: options and printing. Does not belong here: what is done (``build``, ``operations``).
"""

from kaikai_assets.cli.main import main

__all__ = ["main"]

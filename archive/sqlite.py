"""sqlite-utils without what it takes in where that is installed.

It imports numpy and pandas for one optional argument and one conversion: 100 MB and a second of every command. Nobody
else in the project imports sqlite-utils, and a parser process imports nothing of it.
"""

from __future__ import annotations

import sys

_LEFT_OUT = [name for name in ("numpy", "pandas") if name not in sys.modules]
for _name in _LEFT_OUT:
    sys.modules[_name] = None  # type: ignore[assignment]
try:
    from sqlite_utils import Database, Migrations
    from sqlite_utils.db import Table
finally:
    for _name in _LEFT_OUT:
        del sys.modules[_name]

__all__ = ["Database", "Migrations", "Table"]

"""Where a number comes from."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from plan_contracts.document import Part
from plan_contracts.units import Count, Sigma


class Provenance(Part):
    """Kind, source and date of the numbers of a document.

    `spread` gives, for each measured field by its dotted name, the interquartile range of the
    repeated measurements divided by their median (no unit).
    """

    kind: Literal["measured", "published", "estimated", "synthetic"]
    source: str
    date: dt.date
    samples: Count | None = None
    spread: dict[str, Sigma] | None = None

"""Long lists come in pages, the newest first."""

from typing import Annotated

from fastapi import Query

USUAL_PAGE = 50
LARGEST_PAGE = 200

Before = Annotated[
    int | None, Query(ge=1, le=2**53 - 1, description="`next` of the page before this one")
]
PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]

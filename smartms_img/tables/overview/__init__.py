"""A look at all data of the endpoint table, as one page that opens offline."""

from smartms_img.tables.overview.page import (
    OVERVIEW_COLUMNS,
    OVERVIEW_FILE,
    overview_html,
    write_overview,
)

__all__ = ["OVERVIEW_COLUMNS", "OVERVIEW_FILE", "overview_html", "write_overview"]

"""Where and how wide a run executes; never part of the configuration digest."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smartms_img.config.base import Frozen


class ClusterConfig(Frozen):
    """Execution settings."""

    launcher: Literal["inprocess", "dask"] = Field(
        "dask", description="'inprocess': one unit after another; 'dask': a local Dask cluster"
    )
    n_procs: int | None = Field(None, ge=1, description="units side by side; default: the cores")
    mem_gb: float | None = Field(
        None, gt=0, description="memory to share out; default: the machine's"
    )

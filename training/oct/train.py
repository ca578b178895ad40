"""Train the layer net on synthetic B-scans: ``python -m training.oct.train OUT``.

A second run goes on where the last checkpoint ends. Needs the extra ``training``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from training.loop import Batch, Recipe, Sample, main
from training.oct.synthesis import ASCANS, ROWS, draw_bscan
from training.unet import UNet

CHANNELS = 3
BOUNDARIES = 4
WIDTHS = (12, 24, 32, 48)
BATCH = 8
POOL = 600
SPREAD_ROWS = 0.8


def layer_net() -> UNet:
    """Return the net: a logit for each boundary and row of A-scans; sides are multiples of 8."""
    return UNet(2, CHANNELS, BOUNDARIES, WIDTHS)


def loss_of(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy with a narrow bell about the true row, plus the error in rows."""
    row = torch.arange(ROWS, dtype=torch.float32)
    bell = torch.exp(-0.5 * ((row - truth[..., None]) / SPREAD_ROWS) ** 2)
    bell = bell / bell.sum(dim=-1, keepdim=True)
    log = torch.log_softmax(logits, dim=-1)
    expected = (log.exp() * row).sum(dim=-1)
    return -(bell * log).sum(dim=-1).mean() + 0.3 * (expected - truth).abs().mean()


def produce(queue: Any, seed: int) -> None:
    """Draw B-scans for ever."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while True:
        drawn = draw_bscan(rng)
        queue.put((drawn.channels, drawn.boundaries))


def collate(samples: list[Sample], _rng: np.random.Generator) -> Batch:
    """Return channels, shape (n, 3, ascans, rows), and boundaries, (n, 4, ascans)."""
    channels, rows = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
    return channels, rows


RECIPE = Recipe(
    name="layers",
    net=layer_net,
    produce=produce,
    collate=collate,
    loss_of=loss_of,
    batch=BATCH,
    pool=POOL,
    fresh=BATCH // 2,
    first=POOL // 6,
    queue=32,
    rate=3e-3,
    save_every=200,
    example_shape=(1, CHANNELS, ASCANS, ROWS),
    free_axes={0: "n", 2: "ascans", 3: "rows"},
)

if __name__ == "__main__":
    main(RECIPE, __doc__)

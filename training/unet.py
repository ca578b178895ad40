"""The U-Net that both nets are."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

_LAYERS = {
    2: (nn.Conv2d, nn.BatchNorm2d, nn.functional.max_pool2d),
    3: (nn.Conv3d, nn.BatchNorm3d, nn.functional.max_pool3d),
}


class UNet(nn.Module):
    """A small U-Net: channels in, logits out, of the same size.

    Parameters
    ----------
    dimensions : int
        2 or 3.
    inputs, outputs : int
        Channels.
    widths : tuple of int
        Features of each level, the finest first; every side of the input is a multiple of two for
        each level but one.
    """

    def __init__(
        self, dimensions: int, inputs: int, outputs: int, widths: tuple[int, ...]
    ) -> None:
        super().__init__()
        conv, _, self._pool = _LAYERS[dimensions]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_block(dimensions, a, b) for a, b in pairwise((inputs, *widths)))
        self.across = nn.ModuleList(conv(below, above, 1) for above, below in pairs)
        self.up = nn.ModuleList(_block(dimensions, above, above) for above, _ in pairs)
        self.last = conv(widths[0], outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, outputs, ...), of channels, shape (n, inputs, ...)."""
        kept = []
        for number, step in enumerate(self.down):
            x = step(self._pool(x, 2) if number else x)
            kept.append(x)
        levels = list(zip(self.up, self.across, kept[:-1], strict=True))
        for step, across, skip in levels[::-1]:
            wide = nn.functional.interpolate(across(x), scale_factor=2.0, mode="nearest")
            x = step(skip + wide)
        return self.last(x)


def _block(dimensions: int, inputs: int, outputs: int) -> nn.Sequential:
    """Return two convolutions with batch normalisation."""
    conv, norm, _ = _LAYERS[dimensions]
    layers: list[nn.Module] = []
    for first in (inputs, outputs):
        layers += [
            conv(first, outputs, 3, padding=1, bias=False),
            norm(outputs),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)

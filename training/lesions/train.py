"""Train the lesion net on synthetic patches: ``python -m training.lesions.train OUT``.

A second run goes on where the last checkpoint ends. Needs the extra ``training``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from smartms_img.phantoms.template import head
from training.lesions.synthesis import CHANNELS, PATCH, deform, draw_patch
from training.loop import Batch, Recipe, Sample, main
from training.unet import UNet

WIDTHS = (32, 64, 96)
POOL = 400
PATCHES_PER_HEAD = 120


class LesionNet(UNet):
    """A small 3-D U-Net: channels of 1 mm voxels in, logit of lesion out.

    Eight neighbours of a voxel are folded into channels and unfolded again at the end: the net
    works on 2 mm and answers on 1 mm, at an eighth of the cost.
    """

    def __init__(self) -> None:
        super().__init__(3, 8 * len(CHANNELS), 8, WIDTHS)
        # Most voxels hold no lesion: features have to speak for one, not against all others.
        nn.init.constant_(self.last.bias, -4.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, 1, i, j, k); i, j, k are multiples of 8."""
        return unfold(super().forward(fold(x)))


def fold(x: torch.Tensor) -> torch.Tensor:
    """Move each 2 x 2 x 2 voxels to the channels: (n, c, i, j, k) to (n, 8 c, i/2, j/2, k/2)."""
    n, c, i, j, k = x.shape
    x = x.reshape(n, c, i // 2, 2, j // 2, 2, k // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return x.reshape(n, 8 * c, i // 2, j // 2, k // 2)


def unfold(x: torch.Tensor) -> torch.Tensor:
    """Undo ``fold`` for one channel: (n, 8, i, j, k) to (n, 1, 2 i, 2 j, 2 k)."""
    n, _, i, j, k = x.shape
    x = x.reshape(n, 1, 2, 2, 2, i, j, k).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(n, 1, 2 * i, 2 * j, 2 * k)


def lesion_net() -> nn.Module:
    """Return the net, laid out for speed."""
    return LesionNet().to(memory_format=torch.channels_last_3d)


def loss_of(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return one minus the soft Dice of the batch plus cross-entropy."""
    chance = torch.sigmoid(logits)
    overlap = (chance * truth).sum()
    dice = (2 * overlap + 1) / (chance.sum() + truth.sum() + 1)
    return 1 - dice + nn.functional.binary_cross_entropy_with_logits(logits, truth)


def produce(queue: Any, seed: int) -> None:
    """Draw patches for ever."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    template = head()
    while True:
        anatomy = deform(template, rng)
        for _ in range(PATCHES_PER_HEAD):
            channels, label = draw_patch(anatomy, rng)
            queue.put((channels.astype(np.float16), label.astype(np.uint8)))


def collate(samples: list[Sample], rng: np.random.Generator) -> Batch:
    """Return images, shape (n, 4, i, j, k), mirrored and scaled at random, and labels."""
    images, labels = [], []
    for channels, label in samples:
        flips = [1 if rng.random() < 0.5 else -1 for _ in range(3)]
        mirror = tuple(slice(None, None, step) for step in flips)
        scale = np.ones((len(CHANNELS), 1, 1, 1), dtype=np.float32)
        scale[:2] = rng.uniform(0.96, 1.04, (2, 1, 1, 1))
        images.append(channels[(slice(None), *mirror)].astype(np.float32) * scale)
        labels.append(label[mirror].astype(np.float32)[None])
    to_last = {"memory_format": torch.channels_last_3d}
    return (
        torch.from_numpy(np.stack(images)).contiguous(**to_last),
        torch.from_numpy(np.stack(labels)),
    )


RECIPE = Recipe(
    name="lesions",
    net=lesion_net,
    produce=produce,
    collate=collate,
    loss_of=loss_of,
    batch=4,
    pool=POOL,
    fresh=1,
    first=POOL // 8,
    queue=16,
    rate=2e-3,
    save_every=100,
    example_shape=(1, len(CHANNELS), PATCH, PATCH, PATCH),
    free_axes={2: "i", 3: "j", 4: "k"},
)

if __name__ == "__main__":
    main(RECIPE, __doc__)

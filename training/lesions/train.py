"""Train the lesion net on synthetic patches: ``python -m training.lesions.train OUT``.

A second run goes on where the last checkpoint ends. Needs the extra ``training``.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing as mp
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from torch import nn

from smartms_img.phantoms.template import head
from training.lesions.synthesis import CHANNELS, PATCH, deform, draw_patch

WIDTHS = (32, 64, 96)
BATCH = 4
POOL = 400
PATCHES_PER_HEAD = 120
RATE = 2e-3
WARM_UP = 200
SAVE_EVERY = 100


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return two convolutions with batch normalisation."""
    layers: list[nn.Module] = []
    for first in (inputs, outputs):
        layers += [
            nn.Conv3d(first, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)


class LesionNet(nn.Module):
    """A small 3-D U-Net: channels of 1 mm voxels in, logit of lesion out.

    Eight neighbours of a voxel are folded into channels and unfolded again at the end: the net
    works on 2 mm and answers on 1 mm, at an eighth of the cost.
    """

    def __init__(self) -> None:
        super().__init__()
        pairs = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(block(a, b) for a, b in pairwise((8 * len(CHANNELS), *WIDTHS)))
        self.across = nn.ModuleList(nn.Conv3d(below, above, 1) for above, below in pairs)
        self.up = nn.ModuleList(block(above, above) for above, _ in pairs)
        self.last = nn.Conv3d(WIDTHS[0], 8, 1)
        # Most voxels hold no lesion: features have to speak for one, not against all others.
        nn.init.constant_(self.last.bias, -4.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, 1, i, j, k); i, j, k are multiples of 8."""
        kept = []
        x = fold(x)
        for number, step in enumerate(self.down):
            x = step(nn.functional.max_pool3d(x, 2) if number else x)
            kept.append(x)
        levels = list(zip(self.up, self.across, kept[:-1], strict=True))
        for step, across, skip in levels[::-1]:
            wide = nn.functional.interpolate(across(x), scale_factor=2.0, mode="nearest")
            x = step(skip + wide)
        return unfold(self.last(x))


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


class Pool:
    """The latest patches: a new one with every batch; each is seen BATCH times or so."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._patches: list[tuple[np.ndarray, np.ndarray]] = []

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images, shape (BATCH, 4, n, n, n), and labels, (BATCH, 1, n, n, n)."""
        fresh = max(1, POOL // 8 - len(self._patches))
        self._patches += [self._queue.get() for _ in range(fresh)]
        self._patches = self._patches[-POOL:]
        chosen = [self._patches[i] for i in rng.integers(len(self._patches), size=BATCH)]
        images, labels = [], []
        for channels, label in chosen:
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


def train(out: Path, steps: int, seed: int, threads: int) -> None:
    """Train for so many steps in all, and write ``lesions.pt`` and ``lesions.onnx``."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    net = LesionNet().to(memory_format=torch.channels_last_3d)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    done, saved = 0, out / "lesions.pt"
    if saved.is_file():
        state = torch.load(saved, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["step"]
    queue = mp.get_context("spawn").Queue(maxsize=16)
    worker = mp.get_context("spawn").Process(
        target=produce, args=(queue, seed + done), daemon=True
    )
    worker.start()
    pool, rng, running = Pool(queue), np.random.default_rng(seed + done), 0.0
    for step in range(done, steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, steps)
        images, truth = pool.batch(rng)
        loss = loss_of(net(images), truth)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(net)
        running += (float(loss.detach()) - running) / min(step - done + 1, 100)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            typer.echo(f"step {step + 1} loss {running:.4f}")
            state = {"net": net.state_dict(), "average": average.state_dict()}
            state |= {"optimiser": optimiser.state_dict(), "step": step + 1}
            torch.save(state, saved)
    worker.terminate()
    export(average.module, out / "lesions.onnx")


def rate_at(step: int, steps: int) -> float:
    """Return the learning rate: a short rise, then half a cosine."""
    return RATE * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def export(net: nn.Module, path: Path) -> None:
    """Write the net for onnxruntime, any size of image."""
    net.eval()
    example = torch.zeros(1, len(CHANNELS), PATCH, PATCH, PATCH)
    sizes = {2: "i", 3: "j", 4: "k"}
    torch.onnx.export(
        net,
        (example,),
        path,
        input_names=["channels"],
        output_names=["logit"],
        dynamic_axes={"channels": sizes, "logit": sizes},
        dynamo=False,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    train(given.out, given.steps, given.seed, given.threads)

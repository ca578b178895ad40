"""Train the layer net on synthetic B-scans: ``python -m training.oct.train OUT``.

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

from training.oct.synthesis import ASCANS, ROWS, draw_bscan

CHANNELS = 3
BOUNDARIES = 4
WIDTHS = (12, 24, 32, 48)
BATCH = 8
POOL = 600
RATE = 3e-3
WARM_UP = 200
SAVE_EVERY = 200
SPREAD_ROWS = 0.8


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return two convolutions with batch normalisation."""
    layers: list[nn.Module] = []
    for first in (inputs, outputs):
        layers += [
            nn.Conv2d(first, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)


class LayerNet(nn.Module):
    """A small U-Net: channels in, a logit for each boundary and row out."""

    def __init__(self) -> None:
        super().__init__()
        pairs = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(block(a, b) for a, b in pairwise((CHANNELS, *WIDTHS)))
        self.across = nn.ModuleList(nn.Conv2d(below, above, 1) for above, below in pairs)
        self.up = nn.ModuleList(block(above, above) for above, _ in pairs)
        self.last = nn.Conv2d(WIDTHS[0], BOUNDARIES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, 4, ascans, rows); both sides are multiples of 8."""
        kept = []
        for number, step in enumerate(self.down):
            x = step(nn.functional.max_pool2d(x, 2) if number else x)
            kept.append(x)
        levels = list(zip(self.up, self.across, kept[:-1], strict=True))
        for step, across, skip in levels[::-1]:
            wide = nn.functional.interpolate(across(x), scale_factor=2.0, mode="nearest")
            x = step(skip + wide)
        return self.last(x)


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


class Pool:
    """The latest B-scans: a few new ones with every batch."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._drawn: list[tuple[np.ndarray, np.ndarray]] = []

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return channels, shape (BATCH, 3, ascans, rows), and boundaries, (BATCH, 4, ascans)."""
        fresh = max(BATCH // 2, POOL // 6 - len(self._drawn))
        self._drawn += [self._queue.get() for _ in range(fresh)]
        self._drawn = self._drawn[-POOL:]
        chosen = [self._drawn[i] for i in rng.integers(len(self._drawn), size=BATCH)]
        return (
            torch.from_numpy(np.stack([channels for channels, _ in chosen])),
            torch.from_numpy(np.stack([rows for _, rows in chosen])),
        )


def train(out: Path, steps: int, seed: int, threads: int) -> None:
    """Train for so many steps in all, and write ``layers.pt`` and ``layers.onnx``."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    net = LayerNet()
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    done, saved = 0, out / "layers.pt"
    if saved.is_file():
        state = torch.load(saved, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["step"]
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=32)
    worker = context.Process(target=produce, args=(queue, seed + done), daemon=True)
    worker.start()
    pool, rng, running = Pool(queue), np.random.default_rng(seed + done), 0.0
    for step in range(done, steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, steps)
        channels, truth = pool.batch(rng)
        loss = loss_of(net(channels), truth)
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
    export(average.module, out / "layers.onnx")


def rate_at(step: int, steps: int) -> float:
    """Return the learning rate: a short rise, then half a cosine."""
    return RATE * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def export(net: nn.Module, path: Path) -> None:
    """Write the net for onnxruntime, any size of picture."""
    net.eval()
    sizes = {0: "n", 2: "ascans", 3: "rows"}
    torch.onnx.export(
        net,
        (torch.zeros(1, CHANNELS, ASCANS, ROWS),),
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

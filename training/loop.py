"""Train a net on samples that another process draws without end."""

from __future__ import annotations

import argparse
import math
import multiprocessing as mp
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from torch import nn

WARM_UP = 200
Sample = tuple[np.ndarray, np.ndarray]
Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Recipe:
    """What the training of one net is made of.

    Parameters
    ----------
    name : str
        Of the files, without their ends.
    net : callable
        Makes the net with random weights.
    produce : callable
        Puts samples on a queue for ever, from a seed.
    collate : callable
        Makes a batch of samples, with a generator for what is changed at random.
    loss_of : callable
        Loss of the net's answer to a batch and its truth.
    batch, pool, fresh, first, queue : int
        Samples in a batch; the latest kept; new with each batch, and with the first; waiting.
    rate : float
        Highest learning rate.
    save_every : int
        Steps between checkpoints.
    example_shape : tuple of int
        Of an input of the net.
    free_axes : dict
        Axes of it that may have another size, with their names.
    """

    name: str
    net: Callable[[], nn.Module]
    produce: Callable[[Any, int], None]
    collate: Callable[[list[Sample], np.random.Generator], Batch]
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    batch: int
    pool: int
    fresh: int
    first: int
    queue: int
    rate: float
    save_every: int
    example_shape: tuple[int, ...]
    free_axes: dict[int, str]


class Pool:
    """The latest samples: a few new ones with every batch."""

    def __init__(self, recipe: Recipe, queue: Any) -> None:
        self._recipe, self._queue = recipe, queue
        self._samples: list[Sample] = []

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return inputs and truth of samples drawn from the pool."""
        fresh = max(self._recipe.fresh, self._recipe.first - len(self._samples))
        self._samples += [self._queue.get() for _ in range(fresh)]
        self._samples = self._samples[-self._recipe.pool :]
        chosen = rng.integers(len(self._samples), size=self._recipe.batch)
        return self._recipe.collate([self._samples[i] for i in chosen], rng)


def train(recipe: Recipe, out: Path, steps: int, seed: int, threads: int) -> None:
    """Train for so many steps in all, and write ``NAME.pt`` and ``NAME.onnx``."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    net = recipe.net()
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=1e-4)
    done, saved = 0, out / f"{recipe.name}.pt"
    kept = {"net": net, "average": average, "optimiser": optimiser}
    if saved.is_file():
        state = torch.load(saved, weights_only=True)
        for name, part in kept.items():
            part.load_state_dict(state[name])
        done = state["step"]
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=recipe.queue)
    worker = context.Process(target=recipe.produce, args=(queue, seed + done), daemon=True)
    worker.start()
    pool, rng, running = Pool(recipe, queue), np.random.default_rng(seed + done), 0.0
    for step in range(done, steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * rate_share(step, steps)
        inputs, truth = pool.batch(rng)
        loss = recipe.loss_of(net(inputs), truth)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(net)
        running += (float(loss.detach()) - running) / min(step - done + 1, 100)
        if (step + 1) % recipe.save_every == 0 or step + 1 == steps:
            typer.echo(f"step {step + 1} loss {running:.4f}")
            state = {name: part.state_dict() for name, part in kept.items()}
            torch.save(state | {"step": step + 1}, saved)
    worker.terminate()
    export(average.module, recipe, out / f"{recipe.name}.onnx")


def rate_share(step: int, steps: int) -> float:
    """Return the share of the highest learning rate: a short rise, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def export(net: nn.Module, recipe: Recipe, path: Path) -> None:
    """Write the net for onnxruntime."""
    net.eval()
    torch.onnx.export(
        net,
        (torch.zeros(recipe.example_shape),),
        path,
        input_names=["channels"],
        output_names=["logit"],
        dynamic_axes={"channels": recipe.free_axes, "logit": recipe.free_axes},
        dynamo=False,
    )


def main(recipe: Recipe, description: str) -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    train(recipe, given.out, given.steps, given.seed, given.threads)

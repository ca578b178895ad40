"""Kill the review server in the middle of ratings, again and again.

Usage: python tests/review_kills.py [TIMES]

A client rates as fast as the server of ``smartms review`` confirms, until the server is killed
with SIGKILL after a random time. After each of TIMES (50 if not given) kills the chain of ratings
must hold, and every rating that was confirmed must be in it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parent / "qc"))
from review_output import make_output

from smartms_img.io.ratings import RatingsLog, ratings_problem

LONGEST_S = 2.0
SLOTS = 3
VERDICTS = ("pass", "borderline", "fail")


def rate_until_killed(address: str, seed: int) -> list[str]:
    """Rate over and over; return the comments of the ratings that were confirmed."""
    base = address.partition("/?")[0]
    confirmed: list[str] = []
    rng = random.Random(seed)  # noqa: S311 - no secret
    with httpx2.Client(base_url=base, headers={"Origin": base}) as client:
        try:
            client.get(address)
            keys = [entry["key"] for entry in client.get("/queue").json()][:SLOTS]
            shown = {key: client.get(f"/item/{key}").json()["shown"] for key in keys}
            while True:
                comment = f"{seed}-{len(confirmed)}"
                key = rng.choice(keys)
                said = {"verdict": rng.choice(VERDICTS), "comment": comment, "change_reason": "x"}
                answer = client.post(f"/item/{key}/rating", json=said | {"shown": shown[key]})
                if answer.status_code != 200:
                    sys.exit(f"a rating was refused: {answer.text}")
                confirmed.append(comment)
        except httpx2.TransportError:
            return confirmed


def one_kill(out: Path, number: int) -> int:
    """Start the server, kill it, check the ratings; return how many were confirmed."""
    command = [
        sys.executable,
        "-m",
        "smartms_img",
        "review",
        str(out),
        "--reader",
        "R1",
        "--quiet",
    ]
    rng = random.Random(number)  # noqa: S311 - no secret
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        address = (server.stdout.readline() if server.stdout else "").strip()
        timer = threading.Timer(rng.uniform(0.1, LONGEST_S), os.kill, (server.pid, signal.SIGKILL))
        timer.start()
        confirmed = rate_until_killed(address, number)
        timer.join()
    if problem := ratings_problem(out):
        sys.exit(f"after kill {number}: {problem}")
    there = {rating.judgement.comment for rating in RatingsLog(out).read()}
    if lost := [comment for comment in confirmed if comment not in there]:
        sys.exit(f"after kill {number}: lost {', '.join(lost)}")
    return len(confirmed)


def main(times: int) -> None:
    """Kill, and say what came of it."""
    with tempfile.TemporaryDirectory(prefix="smartms-") as name:
        out = Path(name) / "out"
        make_output(out)
        confirmed = sum(one_kill(out, number) for number in range(1, times + 1))
        lines = len(RatingsLog(out).read())
    print(f"{times} kills: {confirmed} ratings confirmed, {lines} there, the chain holds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)

"""Who may speak to the review, and what it tells."""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from review_output import make_output
from starlette.testclient import TestClient

from smartms_img.config import default_study
from smartms_img.io.results import read_results
from smartms_img.qc.review.desk import Desk
from smartms_img.qc.review.guard import Guard
from smartms_img.qc.review.server import STATIC, review_app
from smartms_img.qc.review.store import Store
from smartms_img.qc.rubric import ELEMENTS, example_files

PORT = 8123
BASE = f"http://127.0.0.1:{PORT}"
ORIGIN = {"Origin": BASE}


@pytest.fixture
def out(tmp_path) -> Path:
    make_output(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def desk(out, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    yield Desk(out, read_results(out, default_study()), store, "R1", "reader")
    store.close()


@pytest.fixture
def guard(desk) -> Guard:
    return review_app(desk, PORT)


def stranger(guard: Guard) -> TestClient:
    return TestClient(guard, base_url=BASE, follow_redirects=False)


@pytest.fixture
def reader(guard) -> TestClient:
    client = stranger(guard)
    assert client.get(guard.address).status_code == 303
    return client


PATHS = [
    "/",
    "/queue",
    "/static/review.js",
    "/item/x",
    "/item/x/picture/1",
    "/item/x/thumbnail",
    "/item/x/volume/1",
    "/nothing",
    "/?token=x",
]


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_everything_is_refused(guard, path):
    assert stranger(guard).get(path).status_code == 403
    assert stranger(guard).post(path, headers=ORIGIN).status_code == 403


def test_the_token_is_good_once(guard):
    assert stranger(guard).get(guard.address).status_code == 303
    assert stranger(guard).get(guard.address).status_code == 403


def test_the_token_opens_no_other_path(guard):
    token = urlsplit(guard.address).query
    assert stranger(guard).get(f"/queue?{token}").status_code == 403
    assert stranger(guard).post(f"/?{token}", headers=ORIGIN).status_code == 403
    assert stranger(guard).get(guard.address).status_code == 303


def test_the_cookie_is_for_this_site_alone(guard):
    cookie = stranger(guard).get(guard.address).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert str(PORT) in cookie.partition("=")[0]


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", ""]
)
def test_another_host_is_refused(reader, host):
    assert reader.get("/queue", headers={"Host": host}).status_code == 403


def rating(reader: TestClient, key: str, **said: object) -> dict[str, object]:
    """Return what the page sends of an item."""
    return {"verdict": "pass", "shown": reader.get(f"/item/{key}").json()["shown"]} | said


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:9", ""])
def test_another_origin_is_refused(reader, origin):
    key = reader.get("/queue").json()[0]["key"]
    said = rating(reader, key)
    answer = reader.post(f"/item/{key}/rating", json=said, headers={"Origin": origin})
    assert answer.status_code == 403
    assert reader.post(f"/item/{key}/rating", json=said).status_code == 403
    assert reader.get("/queue", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../pyproject.toml",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static/..%2f..%2fplan.tsv",
        "/static/%252e%252e%252fplan.tsv",
        "/item/..%2f..%2fplan.tsv/picture/1",
        "/item/%2e%2e/picture/1",
        "/../plan.tsv",
        "/static/..\\plan.tsv",
    ],
)
def test_no_path_leaves_the_application(guard, reader, path, out):
    answer = reader.get(path)
    assert answer.status_code in {403, 404, 409}
    assert (out / "plan.tsv").read_text().splitlines()[1] not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"verdict": "great"}',
        b'{"verdict": "pass"}',
        b'{"verdict": "pass", "shown": "x"}',
        b'{"verdict": "pass", "shown": "SHOWN", "reader": "R2"}',
        b'{"verdict": "pass", "shown": "SHOWN", "seconds": -1}',
        b'{"verdict": "pass", "shown": "SHOWN", "comment": "\\ud800"}',
        b"[" * 15_000,
        b"\xff\xfe",
        b'{"verdict": "pass", "comment": "' + b"x" * 30_000 + b'"}',
    ],
)
def test_what_is_no_rating_is_refused(reader, body):
    key = reader.get("/queue").json()[0]["key"]
    body = body.replace(b"SHOWN", rating(reader, key)["shown"].encode())
    for act in ("rating", "draft"):
        answer = reader.post(f"/item/{key}/{act}", content=body, headers=ORIGIN)
        if (act, body) != ("draft", b"{}"):
            assert answer.status_code == 409
            assert answer.json()["problem"]
    assert reader.get("/queue").json()[0]["verdict"] == ""


def test_volumes_need_niivue(desk, guard, reader):
    key = next(entry["key"] for entry in reader.get("/queue").json() if "mask" in entry["title"])
    assert reader.get(f"/item/{key}").json()["layers"] == []
    assert reader.get("/static/niivue.js").status_code == 404
    seeing = review_app(desk, PORT, b"var niivue;")
    client = stranger(seeing)
    client.get(seeing.address)
    assert client.get("/static/niivue.js").content == b"var niivue;"
    assert client.get(f"/item/{key}").json()["layers"] == ["grey", "labels"]
    answer = client.get(f"/item/{key}/volume/1")
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "application/octet-stream",
    )
    assert not TELLING.search(answer.content.decode("latin-1"))
    assert "script-src 'self';" in answer.headers["content-security-policy"]


def test_every_example_is_there_and_none_besides(reader):
    named = {
        name
        for element in ELEMENTS.values()
        for reason in ("", *element.examples)
        for name in example_files(element, reason)
    }
    assert named == {path.name for path in STATIC.glob("example_*")}
    assert all(set(element.examples) <= set(element.reasons) for element in ELEMENTS.values())
    for name in named:
        answer = reader.get(f"/static/{name}")
        assert answer.headers["content-type"] == "image/webp"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert not image.getexif()


# Labels of subjects and visits, dates, and paths.
TELLING = re.compile(
    r"sub-|ses-|\bA1\b|\bB2\b|M0[06]|20\d\d-\d\d|/tmp|\.nii\b|plan\.tsv|acq-|eye-"
)


def test_nothing_tells_whom_the_pictures_are_of(reader, out):
    answers = [reader.get(path) for path in ("/", "/nothing", "/static/review.js", "/queue")]
    answers += [reader.get(f"/static/{name}") for name in ("review.css", "icon.svg")]
    pictures = []
    for entry in answers[3].json():
        path = f"/item/{entry['key']}"
        answers.append(reader.get(path))
        for name in (*(f"picture/{number}" for number in range(1, 6)), "thumbnail"):
            picture = reader.get(f"{path}/{name}")
            answers.append(picture) if picture.status_code != 200 else pictures.append(picture)
        answers.append(
            reader.post(f"{path}/rating", json=rating(reader, entry["key"]), headers=ORIGIN)
        )
        answers.append(reader.get(path))
    # Those of two visits, a pair and an eye, one of the repeat at least, and the thumbnails.
    assert len(pictures) >= 2 * 4 + 6 + 2 + 1 + 11
    for answer in answers:
        assert not TELLING.search(answer.text), answer.text
    for answer in (*answers, *pictures):
        told = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
        assert not TELLING.search(told), told
        assert "last-modified" not in answer.headers
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    for picture in pictures:
        with Image.open(io.BytesIO(picture.content)) as image:
            assert not image.getexif()
            assert set(image.info) <= {"loop", "background", "dpi"}

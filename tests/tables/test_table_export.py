from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from write_all import write_all


def test_qc_table_has_a_row_a_metric(out, config):
    folder = write_all(out, config)
    table = pd.read_csv(folder / "qc.tsv", sep="\t", dtype=str, keep_default_na=False)
    # four sessions, a pair with two metrics, two eyes
    assert len(table) == 4 + 2 + 2
    found = table[table.metric == "flair_gain"].iloc[0]
    assert (found.unit, found.reference) == ("sub-01_ses-M06_ref-M00_pair", "M00")
    assert (found["value"], found.threshold, found.status) == ("9", "<= 1", "fail")
    assert found.scope == "NEWLN"


def test_parquet_agrees_with_the_text_table(out, config, table):
    parquet = pq.read_table(write_all(out, config) / "endpoints.parquet").to_pandas()
    assert list(parquet.columns) == list(table.columns)
    text = pd.to_numeric(table.AVAL.replace("", None)).astype(float)
    pd.testing.assert_series_equal(parquet.AVAL, text, check_names=False)
    assert (parquet.QCREAS == table.QCREAS).all()


def test_dictionary_describes_every_column_and_code(out, config, table):
    content = json.loads((write_all(out, config) / "endpoints.json").read_text())
    assert list(content) == list(table.columns)
    assert set(content["PARAMCD"]["Levels"]) == set(table.PARAMCD)
    assert content["PARAMCD"]["Endpoints"]["BPV"]["CDISC"]["Test"]["Code"] == "C74720"
    assert set(table.LOC) <= set(content["LOC"]["Levels"])


def test_text_table_is_plain(out, config):
    content = (write_all(out, config) / "endpoints.tsv").read_bytes()
    assert b"\r" not in content
    assert b'"' not in content
    assert {line.count(b"\t") for line in content.splitlines()} == {29}


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_partitions_do_not_change_a_byte(out, config):
    results = [_digests(write_all(out, config, parts)) for parts in (None, 1, 2, 8)]
    names = {"endpoints.json", "endpoints.parquet", "endpoints.tsv", "qc.tsv", "wide.tsv"}
    assert names <= set(results[0])
    assert all(result == results[0] for result in results)


SCRIPT = """
import locale, sys
from pathlib import Path
from smartms_img.config import StudyConfig
from smartms_img.io.results import read_results
from smartms_img.qc.decisions import automatic
from smartms_img.tables import write_tables
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
out = Path(sys.argv[1])
config = StudyConfig.model_validate_json(sys.argv[2])
results = read_results(out, config)
write_tables(out, results, config, automatic(results), int(sys.argv[3]))
"""


def test_time_zone_locale_and_hash_seed_do_not_change_a_byte(out, config):
    expected = _digests(write_all(out, config))
    for zone, language, seed, parts in (
        ("Asia/Kathmandu", "de_DE.UTF-8", "1", "1"),
        ("America/St_Johns", "C", "4242", "8"),
    ):
        for file in (out / "tables").iterdir():
            file.unlink()
        surroundings = {"TZ": zone, "LC_ALL": language, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT, str(out), config.model_dump_json(), parts]
        subprocess.run(command, check=True, env=os.environ | surroundings)
        assert _digests(out / "tables") == expected


def test_order_of_subjects_in_the_plan_does_not_change_a_byte(out, config):
    expected = _digests(write_all(out, config))
    assert {"adimg.xpt", "define.xml", "oe.ndjson", "qc.tsv"} <= set(expected)
    head, *lines = (out / "plan.tsv").read_text().splitlines()
    moved = sorted(lines, key=lambda line: line.split("\t")[2] != "02")
    assert moved != lines
    (out / "plan.tsv").write_text("\n".join([head, *moved]) + "\n")
    assert _digests(write_all(out, config)) == expected

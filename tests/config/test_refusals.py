"""What is refused before values are looked at: files, keys, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from config_files import fields, load, nested, one_line, refusal, study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartms_img.config import ClusterConfig, OctConfig, StudyConfig, load_cluster, load_study
from smartms_img.errors import ConfigurationError
from smartms_img.oct.both_eyes import THRESHOLD_SETS

VALID = yaml.safe_dump(study(mri={"seed": 7, "lesions": {"flair_z": 3.0}}), sort_keys=False)
SETTINGS = dict(fields(StudyConfig))
# Each example writes the same file anew.
SHARED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def with_key_in_visit(key: str) -> dict[str, Any]:
    content = study()
    content["visits"][1][key] = 1
    return content


@pytest.mark.parametrize(
    ("content", "key", "meant"),
    [
        (study(basline="M00"), "basline", "baseline"),
        (study(mri={"sed": 7}), "mri.sed", "seed"),
        (study(mri={"lesions": {"flair_zz": 2}}), "mri.lesions.flair_zz", "flair_z"),
        (study(mri={"lesions": {"Flair_Z": 2}}), "mri.lesions.Flair_Z", "flair_z"),
        (study(qc={"oct": {"min_frame": 2}}), "qc.oct.min_frame", "min_frames"),
        (with_key_in_visit("window"), "visits.1.window", "window_days"),
        (with_key_in_visit("lable"), "visits.1.lable", "label"),
        (
            study(extra_pairs=[{"reference": "M00", "follow": "M06", "folow": "M06"}]),
            "extra_pairs.0.folow",
            "follow",
        ),
        (study(flair_z=2), "flair_z", "mri.lesions.flair_z"),
        (study(qc={"min_snr": 2}), "qc.min_snr", "qc.mri.min_snr"),
        (study(min_snrr=2), "min_snrr", "qc.mri.min_snr"),
    ],
)
def test_unknown_key_is_refused_with_the_nearest_known_one(tmp_path, content, key, meant) -> None:
    line = refusal(tmp_path, content)
    assert f"unknown key '{key}'. Did you mean '{meant}'?" in line


@pytest.mark.parametrize("path", [path for path in SETTINGS if "." in path])
def test_a_slip_of_the_pen_is_understood_at_every_level(tmp_path: Path, path: str) -> None:
    line = refusal(tmp_path, study(**nested(path[:-1] + "x", 1)))
    assert f"unknown key '{path[:-1]}x'. Did you mean '{path.rpartition('.')[2]}'?" in line


def test_a_misspelt_key_is_named_before_the_missing_one(tmp_path: Path) -> None:
    content = study()
    content["basline"] = content.pop("baseline")
    assert "unknown key 'basline'. Did you mean 'baseline'?" in refusal(tmp_path, content)


@pytest.mark.parametrize("content", [study(qqqq=1), study(mri={"qqqq": 1})])
def test_key_like_no_other_is_refused(tmp_path: Path, content) -> None:
    assert "qqqq'. Remove it." in refusal(tmp_path, content)


@pytest.mark.parametrize("path", ["mri.required", "mri.optional", "mri.lesions.mask_source"])
def test_settings_that_nobody_reads_are_none(tmp_path: Path, path: str) -> None:
    assert f"unknown key '{path}'" in refusal(tmp_path, study(**nested(path, "x")))


@pytest.mark.parametrize(
    ("path", "word", "meant"),
    [
        ("oct.layer_source", "divice", "device"),
        ("oct.layer_source", "SmartMS", "smartms"),
        ("oct.inter_eye_thresholds", "McDonald2024", "McDonald-2024"),
        ("oct.inter_eye_thresholds", "IMSVISUAL", "IMSVISUAL-2019"),
        ("oct.eyes", ["OD", "os"], "OS"),
        ("oct.scans", ["macular"], "macula"),
    ],
)
def test_unknown_word_is_refused_with_the_nearest_known_one(tmp_path, path, word, meant) -> None:
    line = refusal(tmp_path, study(**nested(path, word)))
    assert f"'{path}" in line
    assert f"Did you mean '{meant}'?" in line


def test_word_like_no_other_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    line = refusal(tmp_path, study(oct={"layer_source": "xyz"}))
    assert "'oct.layer_source' is 'xyz' and should be 'smartms' or 'device'. Correct it." in line


def test_threshold_sets_are_those_of_the_method() -> None:
    named = get_args(OctConfig.model_fields["inter_eye_thresholds"].annotation)
    assert set(named) == set(THRESHOLD_SETS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("null\n", "is empty"),
        ("- a list\n", "holds a list instead of keys"),
        ("just words\n", "holds a single value instead of keys"),
        ("study_id: TEST\nbaseline: ]\n", "is not YAML at line 2"),
        ("study_id: TEST\n\tbaseline: M00\n", "is not YAML at line 2"),
        ("study_id: TEST\n---\nstudy_id: TEST\n", "is not YAML at line 2"),
        ("study_id: !!python/object:os.system {}\n", "is not YAML at line 1"),
        ("study_id: TEST\nbaseline: 2020-13-45\n", "line 2 ('2020-13-45' is no valid timestamp)"),
        ("seed: !!int x\n", "line 1 ('x' is no valid int)"),
        ("seed: !!bool x\n", "line 1 ('x' is no valid bool)"),
        ("seed: !!timestamp x\n", "line 1 ('x' is no valid timestamp)"),
        ("? [a]\n: b\n", "is not YAML at line 1"),
        ("oct:\n  eyes: !!set {OD, OS}\n", "is not YAML at line 2"),
        ("seed: " + "9" * 5000, "is no valid int"),
        ("a: " + "[" * 5000, "is nested too deeply"),
        ("study_id: &a [*a]\n", "'study_id' should be a valid string"),
        ("1: x\n", "unknown key '1'. Remove it"),
        (b"\x89PNG\xff", "not a text file"),
        (b"\x00\x01", "not a text file"),
        ("study_id: TEST\n".encode("utf-16"), "not a text file"),
    ],
)
def test_what_is_no_file_of_keys_is_refused(tmp_path: Path, text, problem: str) -> None:
    assert problem in refusal(tmp_path, text)


def test_a_folder_or_nothing_is_refused(tmp_path: Path) -> None:
    for reason in ("No such file or directory", "Is a directory"):
        with pytest.raises(ConfigurationError) as caught:
            load_study(tmp_path / "study.yaml")
        assert f"cannot be read ({reason}). Check the path." in one_line(caught.value)
        (tmp_path / "study.yaml").mkdir(exist_ok=True)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + VALID.encode()) == load(tmp_path, VALID)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (VALID + "baseline: M06\n", "key 'baseline' is written twice, at lines 2 and 20"),
        (VALID + "'baseline': M06\n", "key 'baseline' is written twice, at lines 2 and 20"),
        (
            VALID + "qc: {mri: {min_snr: 1, min_snr: 2}}\n",
            "'min_snr' is written twice, at line 20",
        ),
        (VALID.replace("  name: Month 6\n", "  name: Month 6\n  label: M12\n"), "'label'"),
        (VALID + '"two\\nlines": 1\n"two\\nlines": 1\n', r"key 'two\nlines' is written twice"),
    ],
)
def test_a_key_written_twice_is_refused_with_its_lines(tmp_path, text, problem) -> None:
    assert problem in refusal(tmp_path, text)


def test_an_anchor_may_be_changed_where_it_is_used(tmp_path: Path) -> None:
    visits = (
        "- &first {label: M00, name: Baseline, number: 0, window_days: [0, 0]}\n"
        "- &second {<<: *first, label: M06, name: Month 6, number: 6, window_days: [1, 1]}\n"
        "- {<<: *second, label: M12, name: Month 12, number: 12, window_days: [2, 2]}\n"
    )
    config = load(tmp_path, f"study_id: TEST\nbaseline: M00\nvisits:\n{visits}")
    assert [visit.number for visit in config.visits] == [0, 6, 12]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("launcher: dask\nseed: 1\n", "unknown key 'seed'"),
        ("n_proc: 2\n", "unknown key 'n_proc'. Did you mean 'n_procs'?"),
        ("launcher: dusk\n", "should be 'inprocess', 'dask' or 'slurm'. Did you mean 'dask'?"),
        ("launcher: dask\nlauncher: dask\n", "'launcher' is written twice, at lines 1 and 2"),
        ("mem_gb: .inf\n", "'mem_gb' is inf and should be a finite number"),
        ("n_procs: 0\n", "'n_procs' is 0 and should be greater than or equal to 1"),
        ("n_procs: yes\n", "'n_procs' stands for true or false"),
        ("", "is empty"),
    ],
)
def test_execution_settings_are_refused_alike(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_cluster(tmp_path / "study.yaml")
    assert problem in one_line(caught.value)


scraps = st.sampled_from(
    [
        *VALID.split(),
        *"{}[]:-,#&*!|>%@`'\"?",
        "\n",
        "  ",
        "<<: *a",
        "&a ",
        "\t",
        ".nan",
        "0x1",
        "~",
    ]
)


@SHARED_FOLDER
@given(text=st.one_of(st.text(), st.binary(), st.lists(scraps).map("".join)))
def test_any_file_is_read_or_refused_in_one_line(tmp_path: Path, text: str | bytes) -> None:
    _read_or_refused(tmp_path, text)


@SHARED_FOLDER
@given(st.data())
def test_a_damaged_study_is_read_or_refused_in_one_line(tmp_path: Path, data) -> None:
    lines = VALID.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    start = data.draw(st.integers(0, len(lines[number])))
    lines[number] = lines[number][:start] + data.draw(st.one_of(st.text(max_size=5), scraps))
    _read_or_refused(tmp_path, "\n".join(lines))


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@SHARED_FOLDER
@given(path=st.sampled_from([*SETTINGS, "mri", "qc.mri"]), value=values)
def test_any_value_is_read_or_refused_in_one_line(tmp_path: Path, path: str, value: Any) -> None:
    _read_or_refused(tmp_path, study(**nested(path, value)))


def _read_or_refused(folder: Path, content: dict[str, Any] | str | bytes) -> None:
    if isinstance(content, str):
        content = content.encode(errors="surrogatepass")
    try:
        config = load(folder, content)
    except ConfigurationError as error:
        one_line(error)
    else:
        assert load(folder, config.model_dump(mode="json")) == config


def test_every_setting_of_a_run_is_described() -> None:
    described = [*SETTINGS.values(), *ClusterConfig.model_fields.values()]
    assert all(field.description for field in described)

"""The command line: one JSON document, one clear line for a mistake, exit codes."""

import json

import pytest

from lab.cli import console, run
from tests.lab.runs import FLAGS, MODEL_FLAGS
from tests.real_shape import real_shape_file, real_shape_rows


@pytest.fixture
def lab(capsys):
    def call(*words):
        code = run([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def corpus(tmp_path, lab):
    (tmp_path / "t.en").write_text("".join(f"the dog number {i} runs\n" for i in range(60)))
    (tmp_path / "t.fr").write_text("".join(f"le chien numéro {i} court\n" for i in range(60)))
    assert lab("corpus", "import", tmp_path / "t.en", tmp_path / "t.fr", "--out", tmp_path / "corpus")[0] == 0
    return tmp_path / "corpus"


def one_line(err):
    """The message for the user: the last line, which starts with the command's name."""
    last = [line for line in err.splitlines() if line.strip()][-1]
    assert last.startswith("lab: ")
    assert "Traceback" not in err
    return last


def test_a_world_prints_its_exact_information(lab, tmp_path):
    code, out, _ = lab(
        "world", "--languages", "en", "zh", "--meanings", 20, "--out", tmp_path / "w", "--json"
    )
    document = json.loads(out)
    assert code == 0
    assert document["languages"] == {"en": 20, "zh": 20}
    assert (document["sentences"], document["meanings"], document["rejected"]) == (40, 20, 0)
    assert document["entropy_nats"] == document["information_nats"] > 10


def test_a_corpus_is_imported_and_shown(lab, corpus):
    code, out, _ = lab("corpus", "show", corpus, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["languages"] == {"en": 60, "fr": 60}
    assert document["meanings"] == 60
    assert lab("corpus", "show", corpus)[0] == 0


def test_text_of_real_shape_is_imported_with_its_twins_merged_and_every_language_shown(lab, tmp_path):
    file, folder = real_shape_file(tmp_path / "real.csv", 0.01), tmp_path / "real"
    code, out, err = lab("corpus", "import", file, "--out", folder, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["units"] == document["imported"] + document["duplicates"] + document["rejected"]
    rows = list(real_shape_rows(0.01))
    assert document["units"] == len(rows)
    assert set(document["languages"]) == {tag for _, tag, _ in rows}
    code, out, _ = lab("corpus", "show", folder)
    shown = " ".join(out.replace("│", " ").split())
    assert all(f"{tag} {count:,}" in shown for tag, count in document["languages"].items())


def test_a_run_is_trained_evaluated_listed_and_shown(lab, corpus, monkeypatch):
    flags = [*MODEL_FLAGS, "--steps", 6, "--text.held-out", 10, "--tokenizer.vocabulary", 120]
    code, out, err = lab("train", "toy", "--corpus", corpus, "--name", "mine", *flags, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["run"] == "mine"
    assert document["steps"] == 6
    assert set(document["losses"]) == {"mmlm", "tlm", "xlco"}
    assert (document["chance"], document["pools"]) == (pytest.approx(0.1), [10, 10])
    code, out, _ = lab("evaluate", "mine", "--json")
    document = json.loads(out)
    assert (code, document["run"], len(document["retrieval"])) == (0, "mine", 2)
    row = document["retrieval"][0]
    assert set(row) >= {"source", "target", "accuracy", "low", "high", "n", "layer"}
    assert json.loads(lab("evaluate", "mine", "--corpus", corpus, "--json")[1])["retrieval"][0]["n"] == 60
    assert json.loads(lab("list", "--json")[1])["runs"][0]["run"] == "mine"
    assert json.loads(lab("show", "mine", "--json")[1])["status"]["state"] == "finished"
    # wide enough for a run on one line
    monkeypatch.setattr(console.out, "width", 120)
    for words, chance in (
        (("list",), "guessing 0.1"),
        (("show", "mine"), "chance"),
        (("evaluate", "mine"), "pool"),
    ):
        code, out, _ = lab(*words)
        assert code == 0
        assert "mine" in out
        assert chance in " ".join(out.split())


def test_the_doctor_looks_at_the_machine(lab):
    code, out, _ = lab("doctor", "--json")
    names = {check["name"] for check in json.loads(out)["checks"]}
    assert code == 0
    assert {"python", "memory", "GPU", "torch", "runs"} <= names
    assert lab("doctor")[0] == 0


def test_help_names_every_command(lab):
    code, out, _ = lab("--help")
    assert code == 0
    assert "train" in out
    assert "doctor" in out


MISTAKES = {
    "an unknown command": (["trian"], "did you mean train"),
    "a misspelt recipe": (["train", "toi"], "did you mean toy"),
    "a misspelt setting": (["train", "toy", "--stepz", "3"], "--steps"),
    "a setting out of range": (["train", "toy", "--mmlm.rate", "2"], "less than or equal to 1, got 2"),
    "settings that do not fit": (["train", "toy", "--contrast.layer", "9"], "the model has 2 layers"),
    "a warm-up that outlasts the run": (
        ["train", "infoxlm-base", "--steps", "1000"],
        "never reach its peak: set --optimizer.warmup 100",
    ),
    "a layer to measure that is not there": (
        ["train", "toy", "--measure.layer", "99"],
        "the model has 2 layers",
    ),
    "settings of a world beside other text": (
        ["train", "toy", "--corpus", "/nowhere", "--world.meanings", "500"],
        "settings of the world are not read with --corpus",
    ),
    "an option of another question": (["information", "r", "--layers", "9"], "--layers is read by --method"),
    "a run for a known distribution": (
        ["information", "r", "--task", "unseen"],
        "a run is read by the ledger",
    ),
    "no task at all": (
        ["train", "toy", "--mmlm.no-enabled", "--tlm.no-enabled", "--contrast.no-enabled"],
        "at least one of mmlm, tlm, contrast, weam and dwa",
    ),
    "a run name that leaves the folder": (["train", "toy", "--name", "../x"], "'../x': choose another"),
    "an unknown run": (["evaluate", "nope"], "expected a run, got 'nope'"),
    "nothing to resume": (["train", "toy", "--resume"], "no run of toy to resume"),
    "a corpus that is none": (["train", "toy", "--corpus", "/nowhere"], "lab corpus import"),
    "an unknown world language": (["world", "--languages", "xx", "--out", "w"], "xx"),
    "too many meanings": (
        ["world", "--languages", "en", "--meanings", "99999999", "--out", "w"],
        "ask for fewer",
    ),
    "no subcommand": (["corpus", "imprt"], "lab corpus import or lab corpus show"),
    "an unknown pivot": (["train", "toy", "--text.pivot", "sw", *FLAGS], "text.pivot is sw"),
    "no checkpoint to start from": (["train", "toy", "--model.start", "/nowhere", *FLAGS], "/nowhere"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line_and_exit_code_2(lab, mistake):
    words, expected = MISTAKES[mistake]
    code, out, err = lab(*words)
    assert code == 2, err
    assert expected in one_line(err)
    assert out == ""


BAD_FILES = {
    "different lengths": ({"t.en": b"a\nb\n", "t.fr": b"c\n"}, "t.en 2, t.fr 1"),
    "wrong encoding": ({"t.en": b"caf\xe9\n", "t.fr": b"c\n"}, "not UTF-8"),
    "an empty line": ({"t.en": b"\n", "t.fr": b"c\n"}, "is empty"),
    "an over-long line": ({"t.en": b"x" * 5000, "t.fr": b"c\n"}, "over-long"),
    "a NUL byte": ({"t.en": b"a\0b\n", "t.fr": b"c\n"}, "NUL"),
    "an invisible line": ({"t.en": "\u200b\n".encode(), "t.fr": b"c\n"}, "is empty"),
    "two sides of one language": ({"t.en": b"a\n", "t.eng": b"b\n"}, "different language"),
    "an unknown language tag": ({"t.en": b"a\n", "t.qq": b"b\n"}, "'qq'"),
    "an empty corpus": ({"t.en": b"", "t.fr": b""}, "empty"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_with_its_reason_and_nothing_is_written(lab, tmp_path, kind):
    files, reason = BAD_FILES[kind]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    code, _, err = lab("corpus", "import", *(tmp_path / name for name in files), "--out", tmp_path / "c")
    assert code == 2
    assert reason in one_line(err)
    assert not (tmp_path / "c").exists()


def test_bad_lines_are_listed_with_their_numbers(lab, tmp_path):
    (tmp_path / "t.en").write_bytes(b"good\n\nb\xe9\n")
    (tmp_path / "t.fr").write_bytes(b"bon\nx\ny\n")
    code, _, err = lab("corpus", "import", tmp_path / "t.en", tmp_path / "t.fr", "--out", tmp_path / "c")
    assert code == 2
    assert "line 2 (en): is empty" in err
    assert "line 3 (en): is not UTF-8" in err
    assert "2 of 3 units are bad" in one_line(err)
    assert "--skip-bad" in one_line(err)


def test_skip_bad_goes_on_and_keeps_what_it_dropped(lab, tmp_path):
    (tmp_path / "t.en").write_bytes(b"good\n\nb\xe9\n")
    (tmp_path / "t.fr").write_bytes(b"bon\nx\ny\n")
    code, out, _ = lab(
        "corpus",
        "import",
        tmp_path / "t.en",
        tmp_path / "t.fr",
        "--out",
        tmp_path / "c",
        "--skip-bad",
        "--json",
    )
    document = json.loads(out)
    assert code == 0
    assert (document["sentences"], document["rejected"]) == (4, 2)
    rejected = (tmp_path / "c" / "rejected.tsv").read_text().splitlines()
    assert len(rejected) == 3
    assert rejected[1].startswith("line 2 (en)\tis empty")


def test_a_corpus_with_one_language_trains_mmlm_only(lab, tmp_path):
    (tmp_path / "t.en").write_text("".join(f"the dog number {i} runs\n" for i in range(60)))
    assert lab("corpus", "import", tmp_path / "t.en", "--out", tmp_path / "c")[0] == 0
    flags = ["--corpus", tmp_path / "c", "--steps", "3", "--tokenizer.vocabulary", "80", *MODEL_FLAGS]
    code, _, err = lab("train", "toy", *flags)
    assert code == 2
    assert "--tlm.no-enabled" in one_line(err)
    code, out, err = lab("train", "toy", *flags, "--tlm.no-enabled", "--contrast.no-enabled", "--json")
    assert code == 0, err
    assert set(json.loads(out)["losses"]) == {"mmlm"}


def test_a_half_written_run_is_listed_as_broken_and_the_others_stay(lab, runs):
    (runs / "half").mkdir(parents=True)
    (runs / "half" / "run.json").write_text("{")
    document = json.loads(lab("list", "--json")[1])
    assert [(entry["run"], entry["state"]) for entry in document["runs"]] == [("half", "broken")]
    code, _, err = lab("show", "half")
    assert code == 2
    assert "half written" in one_line(err)


def test_a_resumed_run_keeps_its_settings(lab, runs):
    assert lab("train", "toy", "--name", "r", "--steps", "2", *FLAGS)[0] == 0
    code, _, err = lab("train", "toy", "--name", "r", "--resume", "--seed", "9")
    assert code == 2
    assert "keeps its settings" in one_line(err)


def test_more_steps_than_a_finished_run_has_are_refused_with_the_way_to_train_further(lab, runs, tmp_path):
    assert lab("train", "toy", "--name", "r", *FLAGS, "--steps", "2")[0] == 0
    code, _, err = lab("train", "toy", "--name", "r", "--resume", *FLAGS, "--steps", "4")
    assert code == 2
    assert "steps: 4, kept 2: to train it further, lab export r --out FOLDER" in one_line(err)
    assert "lab train toy --model.start FOLDER" in one_line(err)
    assert lab("export", "r", "--out", tmp_path / "x")[0] == 0
    start = ["--model.start", tmp_path / "x", *FLAGS, "--steps", "2", "--name", "further"]
    assert lab("train", "toy", *start)[0] == 0

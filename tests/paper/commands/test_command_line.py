"""The program around the commands: its words, exit codes and streams; what is installed; completion in a shell."""

import argparse
import sys

import pytest

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper import cli, completion, doctor
from regrep_paper.parser import DATA, HELP, Parser, add_files, command_parser, files_of, overview, result_of
from regrep_paper.runs.stopping import Stopped
from regrep_paper.suggestions import MisuseError, repair
from regrep_paper.tables.index import EXPERIMENTS
from regrep_paper.tables.sweeps import packaged


def raising(error):
    def command(words):
        if error is not None:
            raise error
        return words

    return command


@pytest.mark.parametrize(
    ("name", "error", "code", "told"),
    [
        ("groups", RegrepError("no such group"), 1, "no such group"),
        ("groups", MisuseError("no such option"), 2, "no such option"),
        ("groups", MissingExtraError("train"), 1, str(MissingExtraError("train"))),
        ("groups", ModuleNotFoundError("x", name="escnn.nn"), 1, str(MissingExtraError("baselines"))),
        ("groups", KeyboardInterrupt(), 130, "stopped"),
        ("groups", Stopped(15), 143, "stopped"),
        *((name, Stopped(1), 129, "stopped; the same command goes on") for name in cli.LONG),
        ("groups", OSError(28, "full"), 1, "the system refused a file ([Errno 28] full); mend that and run it again"),
    ],
)
def test_what_ends_a_command_is_told_on_stderr(monkeypatch, capsys, name, error, code, told):
    monkeypatch.setattr(cli, "COMMANDS", {name: raising(error)})
    assert cli.main([name]) == code
    assert tuple(capsys.readouterr()) == ("", f"regrep {name}: {told}\n")


def test_a_command_gets_the_words_after_its_name(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", {"groups": raising(None)})
    monkeypatch.setattr(sys, "argv", ["regrep", "groups", "a"])
    assert cli.main(["groups", "D4", "--json"]) == ["D4", "--json"]
    assert cli.main() == ["a"]


def test_commands_follow_the_process_that_started_them(monkeypatch):
    followed = []
    monkeypatch.setattr("regrep_paper.runs.children.follow_parent", lambda: followed.append(1))
    monkeypatch.setattr(cli, "COMMANDS", {"groups": raising(None)})
    cli.main(["groups"])
    assert followed == [1]


def test_a_module_of_ours_that_is_missing_is_an_error_of_the_program(monkeypatch):
    for name in ("regrep.none", None):
        monkeypatch.setattr(cli, "COMMANDS", {"groups": raising(ModuleNotFoundError("x", name=name))})
        with pytest.raises(ModuleNotFoundError):
            cli.main(["groups"])


def test_the_help_lists_the_commands_in_columns(capsys):
    for words in (["-h"], ["--help"], ["help"], []):
        assert cli.main(words) == 0
        assert capsys.readouterr().out == overview(HELP) + "\n"
    assert set(HELP) == set(cli.COMMANDS)
    lines = overview({"a": "one", "longer": "two"}).splitlines()
    assert "  a       one" in lines
    assert "  longer  two" in lines


def test_options_are_given_in_full(capsys):
    parser = Parser(prog="p", prints=True)
    parser.add_argument("name")
    for words, told in (
        (["a", "--jso"], "there is no option --jso; did you mean --json?"),
        (["a", "b", "--jsn=3"], "unexpected argument b; see p --help"),
        (["a", "--jsn=3", "b"], "there is no option --jsn=3; did you mean --json?"),
        (["a", "-j"], "there is no option -j; choose from --help, --json, --quiet"),
    ):
        with pytest.raises(SystemExit) as end:
            parser.parse_all(words)
        assert (end.value.code, capsys.readouterr().err) == (2, f"p: {told}\n")
    found = parser.parse_all(["a"])
    assert (found.name, found.json, found.quiet) == ("a", False, False)
    assert vars(Parser(prog="p").parse_all([])) == {}
    assert vars(command_parser("data", prints=False).parse_all([])) == {}
    assert vars(command_parser("data").parse_all([])) == {"json": False, "quiet": False}


def test_what_is_said_and_what_is_the_result(capsys):
    class Odd:
        def __str__(self):
            return "é"

    for as_json, quiet in ((False, False), (True, False), (False, True), (True, True)):
        with result_of(argparse.Namespace(json=as_json, quiet=quiet)) as tell:
            print("on the way")
            tell({"a": Odd()}, "text")
            tell([1])
        out, err = capsys.readouterr()
        result = '{"a": "é"}\n[1]\n' if as_json else "" if quiet else "text\n"
        said = "" if quiet else "on the way\n"
        assert (out, err) == ((result, said) if as_json else (said + result, ""))


def test_files_of_a_run_are_paths(tmp_path):
    parser = Parser(prog="p")
    add_files(parser)
    found = files_of(parser.parse_all(["--font-a", str(tmp_path), "--data-dir", str(tmp_path / "d")]))
    assert found == {"data_dir": tmp_path / "d", "font_a": tmp_path, "font_b": None}


def test_the_most_similar_word_is_suggested():
    known = ["abcd", "abce", "xyz"]
    assert repair("abcf e", known) == "did you mean abce?"
    assert repair("xy", known) == "did you mean xyz?"
    assert repair("q", iter(known)) == "choose from abcd, abce, xyz"


@pytest.mark.parametrize(
    ("python", "numpy", "fortran", "lacking"),
    [
        ((3, 12), "1.26.4", True, None),
        ((3, 13), "1.26.4", True, "Python <= 3.12 (here 3.13)"),
        ((3, 11), "2.0.1", True, "numpy < 2 (here 2.0.1)"),
        ((3, 11), "10.0", True, "numpy < 2 (here 10.0)"),
        ((3, 11), "not installed", True, "numpy < 2 (here not installed)"),
        ((3, 11), "1.26.4", False, "a Fortran compiler (none found)"),
        ((3, 11), "2.4", False, "numpy < 2 (here 2.4) and a Fortran compiler (none found)"),
        (
            (3, 14),
            "2.4",
            False,
            "Python <= 3.12 (here 3.14), numpy < 2 (here 2.4) and a Fortran compiler (none found)",
        ),
    ],
)
def test_what_escnn_lacks(python, numpy, fortran, lacking):
    expected = "escnn can be installed here" if lacking is None else f"escnn needs {lacking}; use another environment"
    assert doctor.baselines(python, numpy, fortran) == expected


def test_the_doctor_looks_at_this_environment(monkeypatch):
    there = {"lightning", "torchmetrics", "jsonargparse", "rich", "pooch", "PIL"}
    monkeypatch.setattr(doctor, "find_spec", lambda name: name if name in there else None)
    monkeypatch.setattr(doctor.sys, "version_info", (3, 12, 4, "final", 0))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}" if name == "gfortran" else None)
    monkeypatch.setattr(doctor.metadata, "version", lambda name: {"numpy": "1.2"}[name])
    found = dict(doctor.lines())
    assert found["numpy"] == "1.2"
    assert found["baselines"] == "escnn can be installed here"
    assert found["[data]"] == "installed"
    assert found["[train]"] == 'yaml missing; run: pip install "regrep[train]"'
    assert found["[report]"] == 'matplotlib, jinja2, scipy missing; run: pip install "regrep[report]"'
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert "a Fortran compiler" in dict(doctor.lines())["baselines"]
    assert doctor.examine().splitlines()[3] == "numpy          1.2"


def test_a_package_that_is_not_there_has_no_version():
    assert doctor.version("no-such-package-of-ours") == "not installed"
    assert doctor.extra_of("PIL.Image") == "data"
    assert doctor.extra_of("submitit") == "sweep"
    assert doctor.extra_of(None) is doctor.extra_of("lightningx") is None


@pytest.fixture
def asked(monkeypatch):
    """What the shell is answered for a line with the pointer at its end."""
    found = []
    argcomplete = pytest.importorskip("argcomplete")
    monkeypatch.setattr(argcomplete, "autocomplete", found.append)
    own = (Parser.parse_all, Parser.parse_args)

    def ask(line, point=None):
        monkeypatch.setenv(completion.VARIABLE, "1")
        monkeypatch.setenv("COMP_LINE", line)
        if point is None:
            monkeypatch.delenv("COMP_POINT", raising=False)
        else:
            monkeypatch.setenv("COMP_POINT", str(point))
        completion.complete(cli.COMMANDS)
        assert (Parser.parse_all, Parser.parse_args) == own
        return found.pop(), completion.os.environ[completion.VARIABLE]

    return ask


def first_choices(parser):
    """The choices of the first argument of a parser."""
    return next(action.completer() for action in parser._actions if not action.option_strings)


def test_commands_are_completed_first(asked, monkeypatch):
    for line, point in (
        ("regrep s", 8),
        ("regrep sweep", 12),
        ("regrep ", 7),
        ("regrep nonsense ", 16),
        ("regrep fit x", None),
    ):
        parser, skipped = asked(line, point)
        assert (parser.prog, skipped) == ("regrep", "1")
        (action,) = [one for one in parser._actions if not one.option_strings]
        assert list(action.choices) == list(cli.COMMANDS)
    assert completion.requested()
    monkeypatch.delenv(completion.VARIABLE)
    assert not completion.requested()


@pytest.mark.parametrize(
    ("line", "command", "choices"),
    [
        ("regrep fit ", "fit", EXPERIMENTS),
        ("regrep test d", "test", EXPERIMENTS),
        ("regrep learn ", "learn", ("tmnist", "mnist", "cifar10")),
        ("regrep data m", "data", DATA),
        ("regrep sweep ", "sweep", packaged()),
    ],
)
def test_names_are_completed_after_a_command(asked, line, command, choices):
    parser, skipped = asked(line + " and more", len(line))
    assert (parser.prog, skipped) == (f"regrep {command}", "2")
    assert first_choices(parser) == list(choices)


def test_options_of_an_experiment_are_completed_after_its_name(asked):
    line = "regrep fit ddmnist --data.gr"
    for command, has in (("fit", True), ("test", True), ("learn", False)):
        found = line.replace("fit", command)
        options = asked(found, len(found))[0]._option_string_actions
        assert ("--data.group" in options, "--model.layout" in options) == (has, False)
    assert "--model.layout" in asked("regrep fit smoke -", 18)[0]._option_string_actions
    assert "--data.group" not in asked("regrep fit nothing -", 20)[0]._option_string_actions
    groups = asked("regrep groups D4 -", 18)[0]
    assert "--json" in groups._option_string_actions
    assert not any(hasattr(action, "completer") for action in groups._actions)

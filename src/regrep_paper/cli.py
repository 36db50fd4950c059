"""The command ``regrep``: parses the command line, and imports only what the command needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from regrep._version import __version__
from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.commands.answers import doctor, groups, measure, models, report, watch
from regrep_paper.commands.comparing import compare, demo
from regrep_paper.commands.datasets import data
from regrep_paper.commands.trainings import evaluate, fit, learn, sweep
from regrep_paper.completion import complete, requested
from regrep_paper.parser import HELP, MISUSED, overview
from regrep_paper.suggestions import repair

FAILED, INTERRUPTED = 1, 130
"""Exit codes for an error and for Ctrl-C; another signal n ends a command with 128 + n."""

LONG = ("fit", "sweep", "learn", "demo", "data", "compare")
"""Commands that take up again what an interrupted one has left."""

CONTINUES = "; the same command goes on"


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    Args:
        words: the command line after the program's name; defaults to that of the process.
    """
    words = list(sys.argv[1:] if words is None else words)
    if requested():
        complete(COMMANDS)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview(HELP))
        return 0
    if words[0] == "--version":
        print(f"regrep {__version__}")
        return 0
    name, *rest = words
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        print(f"regrep: there is no {what} {name}; {repair(name, COMMANDS)}", file=sys.stderr)
        return MISUSED
    from regrep_paper.runs.children import follow_parent
    from regrep_paper.runs.stopping import Stopped, stopping

    follow_parent()
    try:
        with stopping():
            return COMMANDS[name](rest)
    except (RegrepError, MissingExtraError) as error:
        print(f"regrep {name}: {error}", file=sys.stderr)
        return getattr(error, "exit_code", FAILED)
    except ModuleNotFoundError as error:
        from regrep_paper.doctor import extra_of

        extra = extra_of(error.name)
        if extra is None:
            raise
        print(f"regrep {name}: {MissingExtraError(extra)}", file=sys.stderr)
        return FAILED
    except (Stopped, KeyboardInterrupt) as stop:
        with suppress(OSError):  # of a terminal that was closed
            print(f"regrep {name}: stopped{CONTINUES if name in LONG else ''}", file=sys.stderr, flush=True)
        return stop.exit_code if isinstance(stop, Stopped) else INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as head, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, where no file is written that a part of the program answers for
        with suppress(OSError):
            print(f"regrep {name}: the system refused a file ({error}); mend that and run it again", file=sys.stderr)
        return FAILED


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "groups": groups,
    "models": models,
    "measure": measure,
    "fit": fit,
    "test": evaluate,
    "learn": learn,
    "sweep": sweep,
    "compare": compare,
    "report": report,
    "watch": watch,
    "data": data,
    "demo": demo,
    "doctor": doctor,
}
"""Each command by name; its line of help is in :data:`regrep_paper.parser.HELP`."""

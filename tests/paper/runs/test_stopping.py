"""Signals as exceptions."""

import os
import signal
import subprocess
import sys

import pytest

from regrep_paper.runs.stopping import SIGNALS, Stopped, stopping


@pytest.fixture(autouse=True)
def handlers():
    """Those of a terminal, whatever the tests were started from; put back afterwards."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_handlers_are_put_back(signum):
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(Stopped) as stop, stopping():
        os.kill(os.getpid(), signum)
    assert stop.value.exit_code == 128 + signum
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stopping():
        os.kill(os.getpid(), signal.SIGHUP)


def test_no_handler_of_errors_takes_it():
    assert not issubclass(Stopped, Exception)


def test_a_second_signal_ends_the_process_at_once():
    script = (
        "import os, signal\nfrom regrep_paper.runs.stopping import Stopped, stopping\n"
        "with stopping():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    except Stopped:\n        os.kill(os.getpid(), signal.SIGTERM)\n        print('survived')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "")

"""Ctrl-C, once and twice."""

import os
import signal
import threading

import pytest

from config.cli.interrupt import Interrupt


def test_the_first_is_told_by_another_thread_than_the_one_that_may_be_printing() -> None:
    told: list[threading.Thread] = []
    with Interrupt(lambda: told.append(threading.current_thread())) as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.asked
    assert len(told) == 1
    assert told[0] is not threading.main_thread()


def test_the_second_ends_it() -> None:
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.asked

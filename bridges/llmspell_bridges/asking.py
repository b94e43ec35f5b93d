"""What a VM asks the host in the middle of a script: has this run to end?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["asking"]


def asking(
    has_to_end: Callable[[], bool], on_signal: Callable[[BaseException], None]
) -> Callable[[], bool]:
    """Return what a VM may call at any moment; it never raises.

    What a signal raised meanwhile goes to ``on_signal``, and the answer is yes. It is raised as
    the first Python code runs: inside of a generator that is within the ``try``, in a function it
    would be before.
    """
    answers = _answers(has_to_end, on_signal)
    next(answers)
    return answers.__next__


def _answers(
    has_to_end: Callable[[], bool], on_signal: Callable[[BaseException], None]
) -> Iterator[bool]:
    ends = False
    while True:
        try:
            while True:
                yield ends
                ends = has_to_end()
        except GeneratorExit:
            return
        except BaseException as error:
            on_signal(error)
            ends = True

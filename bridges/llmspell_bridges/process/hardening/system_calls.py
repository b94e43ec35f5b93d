"""The few system calls a worker may make, by their numbers on each architecture."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ARCHITECTURES", "Architecture"]


class Architecture(NamedTuple):
    """``audit`` is what the kernel calls it; numbers from ``foreign`` on are of another ABI.

    ``guarded`` may not ask for executable memory (their third argument tells).
    """

    audit: int
    foreign: int | None
    allowed: tuple[int, ...]
    guarded: tuple[int, ...]


# Most frequent first: the kernel compares one after the other.
_X86_64: Final = {
    "recvfrom": 45, "sendto": 44, "futex": 202, "brk": 12, "munmap": 11, "mremap": 25,
    "madvise": 28, "clock_gettime": 228, "gettimeofday": 96, "time": 201, "getrandom": 318,
    "poll": 7, "ppoll": 271, "close": 3, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "sigaltstack": 131, "restart_syscall": 219, "sched_yield": 24,
    "clock_getres": 229, "clock_nanosleep": 230, "nanosleep": 35, "getrusage": 98, "getcpu": 309,
    "getpid": 39, "gettid": 186, "getppid": 110, "getuid": 102, "rseq": 334,
    "exit": 60, "exit_group": 231,
}  # fmt: skip
_AARCH64: Final = {
    "recvfrom": 207, "sendto": 206, "futex": 98, "brk": 214, "munmap": 215, "mremap": 216,
    "madvise": 233, "clock_gettime": 113, "gettimeofday": 169, "getrandom": 278,
    "ppoll": 73, "close": 57, "rt_sigaction": 134, "rt_sigprocmask": 135,
    "rt_sigreturn": 139, "sigaltstack": 132, "restart_syscall": 128, "sched_yield": 124,
    "clock_getres": 114, "clock_nanosleep": 115, "nanosleep": 101, "getrusage": 165, "getcpu": 168,
    "getpid": 172, "gettid": 178, "getppid": 173, "getuid": 174, "rseq": 293,
    "exit": 93, "exit_group": 94,
}  # fmt: skip

#: By the machine's name; ``guarded`` are mmap and mprotect.
ARCHITECTURES: Final = {
    "x86_64": Architecture(0xC000003E, 0x40000000, tuple(_X86_64.values()), (9, 10)),
    "aarch64": Architecture(0xC00000B7, None, tuple(_AARCH64.values()), (222, 226)),
}

"""Talks to one of the host programs of this folder, and starts it anew when it has died."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["Host"]


class Host:
    """A host process: ``ask`` sends one request and returns its answer.

    An answer that does not come in time, or at all because the process died, is one with
    ``died``: the signal, or "no answer".
    """

    def __init__(self, program: str, *arguments: str, patience_s: float = 20.0) -> None:
        path = Path(__file__).with_name(f"{program}.py")
        self._command = [sys.executable, "-X", "faulthandler", str(path), *arguments]
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        line = b""
        while not line.endswith(b"\n"):
            ready = select.select([process.stdout], [], [], self._patience_s)[0]
            part = os.read(process.stdout.fileno(), 1 << 20) if ready else b""
            if not part:
                return {"died": self._ending() if ready else self._stuck()}
            line += part
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ending(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _stuck(self) -> str:
        self.close()
        return "no answer"

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        try:  # without anything more to read it ends by itself, and tidies up
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

"""How much memory this process holds of its own: RssAnon of /proc/self/status (proc(5)), and its peak; Linux only.

Pages of libraries and of mapped files are not in it, as the system drops and shares them as it likes.
"""

import threading
from pathlib import Path

STATUS = Path("/proc/self/status")
EVERY = 0.003  # s between two looks


def anonymous() -> int | None:
    """Bytes of anonymous memory of this process in RAM; None where the system does not say."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), None)


class Peak:
    """The largest `anonymous` of a ``with`` block, in bytes: a thread looks, while no library keeps it from running."""

    def __init__(self) -> None:
        self.bytes: int | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(EVERY):
            self._look()

    def _look(self) -> None:
        if (now := anonymous()) is not None:
            self.bytes = max(now, self.bytes or 0)

"""What every test leaves as it found it."""

import sys
from collections.abc import Iterator

import pytest

from benchmark.compat import forget_placeholders


@pytest.fixture(autouse=True)
def no_placeholders() -> Iterator[None]:
    """Speechbrain's would fail hypothesis, which looks through all modules, in whatever test comes next."""
    yield
    if "speechbrain" in sys.modules:
        forget_placeholders()

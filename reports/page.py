"""Pages beside the report: history and comparisons, in the same style, each one file that opens offline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.types import UserError


def save(template: str, output: Path, context: Mapping[str, Any]) -> Path:
    """Render a template to `output`, atomically; returns the path.

    Raises:
        UserError: when it cannot be written.
    """
    from reports.html import environment

    page = environment().get_template(template).render(context)
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        partial.replace(output)
    except OSError as error:
        raise UserError(f"The page cannot be written to {output}: {error.strerror}.") from error
    return output

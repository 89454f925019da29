"""The house rules no linter knows: who imports whom, what is imported late, how long a function may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"benchmark", "baselines", "tasks", "reports", "data_manifests", "tests"}
MAY_IMPORT = {
    "benchmark": {"benchmark"},
    "baselines": {"benchmark", "baselines"},
    "tasks": {"benchmark", "tasks"},
    "reports": {"benchmark", "reports"},
    "data_manifests": set(),
}
HEAVY = {
    *("torch", "torchaudio", "transformers", "speechbrain", "whisper", "resemblyzer", "librosa"),
    *("dask", "distributed", "onnxruntime", "pandas", "matplotlib", "scipy", "pyarrow", "rich"),
}
# Networks are classes of torch, so their modules import it; who is no network imports them inside functions.
NETWORKS = {
    f"baselines.focalcodec.{name}"
    for name in (
        *("checkpoint", "compare", "decoders", "focal", "model", "product"),
        *("quantizer", "sessions", "stream", "voice", "wavlm"),
    )
} | {
    "baselines._causal",
    *(f"benchmark.nets.{name}" for name in ("checkpoint", "nisqa", "utmos22")),
    *(f"tasks._probes.{name}" for name in ("goals", "network", "training")),
}
LONGEST = 65  # lines of a function, its docstring included

FILES = sorted(p for folder in MAY_IMPORT for p in (ROOT / folder).rglob("*.py"))
TREES = {str(p.relative_to(ROOT)): ast.parse(p.read_text(encoding="utf-8")) for p in FILES}


def modules(nodes: Iterator[ast.AST]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    return {name.partition(".")[0] for name in modules(nodes)}


def dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those inside functions and inside ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from run_at_import(child)


def forbidden(folder: str, tree: ast.AST) -> set[str]:
    return imported(ast.walk(tree)) & OURS - MAY_IMPORT[folder]


def long_functions(tree: ast.AST) -> list[str]:
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > LONGEST]


@pytest.mark.parametrize("path", TREES)
def test_a_folder_imports_only_what_it_may(path):
    folder = path.partition("/")[0]
    assert forbidden(folder, TREES[path]) == set(), f"{folder}/ may import only {MAY_IMPORT[folder]} of ours"


@pytest.mark.parametrize("path", TREES)
def test_heavy_libraries_are_imported_where_they_are_needed(path):
    network = dotted(path) in NETWORKS
    late = imported(run_at_import(TREES[path])) & (HEAVY - {"torch"} if network else HEAVY)
    late |= set() if network else modules(run_at_import(TREES[path])) & NETWORKS
    assert late == set(), f"import {late} inside the function that needs it"


def test_networks_are_what_imports_torch():
    found = {dotted(path) for path in TREES if "torch" in imported(run_at_import(TREES[path]))}
    assert found == NETWORKS


@pytest.mark.parametrize("path", TREES)
def test_no_function_is_too_long(path):
    assert long_functions(TREES[path]) == []


@pytest.mark.parametrize("path", TREES)
def test_a_module_says_what_it_is(path):
    assert (ast.get_docstring(TREES[path]) or "").strip()


def test_types_import_nothing_of_ours():
    assert imported(ast.walk(TREES["benchmark/types.py"])) & OURS == set()


@pytest.mark.parametrize(
    ("folder", "code", "found"),
    [
        ("baselines", "import tasks.asr", {"tasks"}),
        ("benchmark", "def f():\n    from baselines import opus", {"baselines"}),
        ("reports", "from benchmark import table\nimport reports.page", set()),
    ],
)
def test_the_import_rule_notices(folder, code, found):
    assert forbidden(folder, ast.parse(code)) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import torch", {"torch"}),
        ("try:\n    from scipy import signal\nexcept ImportError:\n    pass", {"scipy"}),
        ("class A:\n    import pandas", {"pandas"}),
        ("def f():\n    import torch", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", set()),
    ],
)
def test_the_late_import_rule_notices(code, found):
    assert imported(run_at_import(ast.parse(code))) & HEAVY == found


def test_the_late_import_rule_notices_networks():
    found = modules(run_at_import(ast.parse("from baselines.focalcodec import model\ndef f():\n    import x.y")))
    assert found & NETWORKS == {"baselines.focalcodec.model"}


def test_the_length_rule_notices():
    body = "    pass\n" * LONGEST
    assert long_functions(ast.parse(f"def fine():\n{body[9:]}\ndef long():\n{body}")) == ["long"]

"""SHA-256 of what a component's code means: syntax trees without docstrings, its own imports followed.

A comment, a docstring or the layout changes nothing; a change in a helper it imports does.
"""

import ast
import hashlib
import importlib.util
import threading
from functools import cache
from pathlib import Path

SHARED = ("site-packages", "dist-packages")  # folders in which files are neighbours by chance
_lock = threading.RLock()  # to look for a module imports the packages above it, which may ask for a fingerprint
OURS = ("benchmark", "baselines", "tasks", "reports")


def module_fingerprint(module: str) -> str:
    """See `_fingerprint`; one thread at a time, as Python 3.11 builds syntax trees with a counter they all share."""
    with _lock:
        return _fingerprint(module)


@cache
def _fingerprint(module: str) -> str:
    """Hex digest over `module` and, transitively, the modules of its own project that it imports.

    A module of ours follows imports into our four packages; a user's module follows its own top package, and
    a single file the files beside it. Compiled helpers and other installed packages belong to `info.identity`.
    """
    trees: dict[str, str] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        if name in trees or (source := _source(name)) is None:
            continue
        tree = ast.parse(source)
        todo += [imported for imported in _imports(tree, name) if _of_one_project(imported, module)]
        trees[name] = ast.unparse(_without_words(tree))  # not ast.dump, whose text each Python changes
    text = "\n".join(f"{name}\n{trees[name]}" for name in sorted(trees))
    return hashlib.sha256(text.encode()).hexdigest()


def _of_one_project(imported: str, module: str) -> bool:
    top, root = imported.split(".")[0], module.split(".")[0]
    if top == root or (top in OURS and root in OURS):
        return True
    if root in OURS or "." in module or top in OURS:
        return False
    place, beside = _file(module), _file(top)
    return (
        place is not None and beside is not None and beside.parent == place.parent and place.parent.name not in SHARED
    )


def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # `from package import function` names no module
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _source(module: str) -> bytes | None:
    file = _file(module)
    return None if file is None else file.read_bytes()  # bytes: the parser reads the encoding declaration


def _imports(tree: ast.Module, importer: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), _package(importer))
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found


def _package(module: str) -> str:
    spec = importlib.util.find_spec(module)
    return module if spec is not None and spec.submodule_search_locations else module.rpartition(".")[0]


def _without_words(tree: ast.Module) -> ast.Module:
    """The tree without its docstrings, and without what a codec's module tells a reader (`benchmark.types.Card`)."""
    tree.body = [node for node in tree.body if not is_card(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            match first:
                case ast.Expr(value=ast.Constant(value=str())):
                    node.body = node.body[1:]
    return tree


def is_card(node: ast.stmt) -> bool:
    """Whether it is ``CARD = Card(...)``, which tells a reader of a codec, and does nothing."""
    match node:
        case ast.Assign(targets=[ast.Name(id="CARD")], value=ast.Call(func=ast.Name(id="Card"))):
            return True
    return False

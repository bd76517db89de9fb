"""The laws of the house: imports go downward, nothing is evaluated, nothing is left out of the package."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("envs", "agents", "synthesis", "turngym")  # each may import itself and what stands left of it
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
BARRED_FILES = {"utils", "helpers", "common", "util", "helper", "misc"}
BARRED_CALLS = {"eval", "exec", "compile", "__import__"}
BARRED_MODULES = {"pickle", "subprocess", "marshal", "shelve", "dill", "cloudpickle", "ctypes"}
NEVER_IN_WORLDS = {"asyncio", "socket", "requests", "httpx", "urllib", "time", "threading", "tempfile", "http"}
MOST_LINES = 400


@cache
def files() -> dict[str, Path]:
    """Module name -> file, of everything that is shipped."""
    found = {}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts if parts[0] == "turngym" else ("turngym", *parts))
            found[name.removesuffix(".__init__")] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(name: str, path: Path) -> tuple[tuple[str, bool], ...]:
    return tuple(_imports(name, path))


def _imports(name: str, path: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported when the file is), of every import anywhere in a file, TYPE_CHECKING included."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, inside in statements(tree(path)):
        if isinstance(node, ast.Import):
            for item in node.names:
                yield item.name, not inside
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                head = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*head, base] if base else head)
            for item in node.names:
                full = f"{base}.{item.name}"
                yield (full if full in files() else base), not inside


def statements(parsed: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """(statement, whether it stands in a function), of every statement; expressions hold none."""
    for node in ast.iter_child_nodes(parsed):
        if not isinstance(node, ast.expr):
            yield node, inside
            yield from statements(node, inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def floor_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "turngym"


def test_every_floor_has_files():
    assert {floor_of(name) for name in files()} == set(FLOORS)


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_downward_alone(floor: str):
    allowed = FLOORS[: FLOORS.index(floor) + 1]
    for name, path in files().items():
        if floor_of(name) == floor:
            for module, _ in imports(name, path):
                if module == "turngym" or module.startswith("turngym."):
                    assert floor_of(module) in allowed, f"{name} imports {module}"


def test_the_face_is_imported_by_nobody_inside():
    for name, path in files().items():
        if floor_of(name) != "turngym":
            for module, _ in imports(name, path):
                assert not (module.split(".")[0] == "turngym" and floor_of(module) == "turngym"), f"{name} imports {module}"


def test_no_circles_of_imports():
    edges: dict[str, set[str]] = {
        name: {m for m, at_import in imports(name, path) if m in files() and m != name and at_import} for name, path in files().items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for module in sorted(edges[name]):
                visit(module, (*path, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_no_file_is_a_drawer_for_everything():
    assert not [str(p) for p in files().values() if p.stem in BARRED_FILES]
    assert not [str(p) for p in (ROOT / "tests").glob("*.py") if p.stem in BARRED_FILES]


def test_no_file_is_longer_than_it_may_be():
    long = {str(p.relative_to(ROOT)): n for p in files().values() if (n := len(p.read_text().splitlines())) > MOST_LINES}
    assert not long


def test_every_file_says_what_it_is():
    silent = [str(p.relative_to(ROOT)) for p in files().values() if p.read_text().strip() and not ast.get_docstring(tree(p))]
    assert not silent


def test_nothing_is_evaluated_pickled_or_run():
    for name, path in files().items():
        if floor_of(name) == "turngym" or ".bridges" in name:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in BARRED_CALLS, f"{name}, line {node.lineno}: {node.func.id}"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr not in ("system", "popen", "execv", "fork"), f"{name}, line {node.lineno}"
        for module, _ in imports(name, path):
            assert module.split(".")[0] not in BARRED_MODULES, f"{name} imports {module}"


def test_worlds_and_envs_know_no_network_no_clock_and_no_event_loop():
    for name, path in files().items():
        if floor_of(name) == "envs" and ".bridges" not in name and ".check" not in name:
            for module, _ in imports(name, path):
                assert module.split(".")[0] not in NEVER_IN_WORLDS, f"{name} imports {module}"


def test_tests_import_the_package_and_never_its_folders():
    named = re.compile(r"^\s*(?:import|from)\b.*(?<![.\w])(?:envs|agents|synthesis)\b", re.MULTILINE)
    for path in (ROOT / "tests").glob("*.py"):
        for node in ast.walk(tree(path)) if named.search(path.read_text(encoding="utf-8")) else ():
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {n.split(".")[0] for n in names} & {"envs", "agents", "synthesis"}, path.name


# -- the package ------------------------------------------------------------------------------------------


def test_the_list_of_packages_is_the_tree():
    tree_packages = {name for name, path in files().items() if path.name == "__init__.py"}
    folders = {".".join(("turngym", *p.parent.relative_to(ROOT).parts)).replace("turngym.turngym", "turngym") for p in files().values()}
    assert set(CONFIG["packages"]) == tree_packages == folders
    for package, folder in CONFIG["package-dir"].items():
        assert (ROOT / folder / "__init__.py").is_file(), package


def data_files() -> set[str]:
    """What is packaged beside code, as names inside the wheel."""
    found = set()
    for package, patterns in CONFIG.get("package-data", {}).items():
        folder = ROOT / CONFIG["package-dir"][package]
        for pattern in patterns:
            matched = list(folder.glob(pattern))
            assert matched, f"{package}: nothing is called {pattern}"
            found.update(f"{package.replace('.', '/')}/{p.relative_to(folder).as_posix()}" for p in matched)
    return found


def test_everything_that_is_no_code_is_packaged():
    known = data_files()
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                name = path.relative_to(ROOT).as_posix()
                assert (name if floor == "turngym" else f"turngym/{name}") in known, name


def test_a_wheel_holds_the_tree_and_nothing_else(tmp_path: Path):
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"  # a copy, so that building leaves nothing behind
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", *FLOORS):
        (source / name).symlink_to(ROOT / name)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))",
        str(tmp_path),
    ]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    code = {f"{name.replace('.', '/')}{'/__init__' if path.name == '__init__.py' else ''}.py" for name, path in files().items()}
    assert inside == code | data_files()


SCRIPT = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        if "turngym" in str(getattr(error, "name", "") or ""):
            raise
print("\\n".join(sorted({m.split(".")[0] for m in sys.modules})))
"""


def test_no_folder_is_ever_imported_by_its_bare_name():
    names = [name for name in files() if not name.endswith("__main__")]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *names], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=True)
    assert not {"envs", "agents", "synthesis"} & set(run.stdout.split())


def test_importing_the_face_imports_no_world_and_nothing_heavy():
    code = "import sys, turngym; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not {m for m in loaded if m.startswith("turngym.envs.worlds.")}
    assert not loaded & {"torch", "vllm", "pyarrow", "datasets", "openai", "transformers", "pandas"}

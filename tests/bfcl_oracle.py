"""BFCL's own checker and executor, which evaluate text, in a process of its own: `python tests/bfcl_oracle.py < rows`.

Reads a JSON object a line and answers with one: `{"id", "result"}` is judged as the official runner judges a row of a result
file; `{"gold": id}` runs gold alone and tells every result; `{"time": category, "rounds": n}` times the executor on gold;
`{"runner": category}` runs the official `evaluate` on the files that stand under $BFCL_PROJECT_ROOT/result. Whatever of the
package's needs is not installed is stood in for by a module that does nothing: no model is ever asked.

Each row starts from a fresh process's state: what BFCL keeps at module level is put back before it.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import subprocess
import sys
import time
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MODEL = "gpt-4o-2024-11-20-FC"
REAL = frozenset(("bfcl_eval", "filelock", "mpmath"))


class Nothing:
    """Stands in for whatever an absent package would have offered."""

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __call__(self, *args: Any, **named: Any) -> Any:
        return args[0] if args and (callable(args[0]) or isinstance(args[0], list)) else Nothing()  # decorators, progress bars

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __iter__(self) -> Any:
        return iter(())

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (object,)

    def __getitem__(self, key: Any) -> Any:
        return Nothing()

    def __or__(self, other: Any) -> Any:
        return Any

    __ror__ = __or__


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module that the package imports and that is not needed to judge."""

    def __init__(self) -> None:
        folder = Path(importlib.util.find_spec("bfcl_eval").origin).parent  # type: ignore[union-attr, arg-type]
        found = set()
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found.update(item.name.split(".")[0] for item in node.names)
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add((node.module or "").split(".")[0])
        self.names = found.difference(sys.stdlib_module_names, REAL)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] in self.names else None

    def create_module(self, spec: Any) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: Nothing() if not name.startswith("__") else (_ for _ in ()).throw(AttributeError(name))  # type: ignore[method-assign]
        return module

    def exec_module(self, module: Any) -> None:
        pass


class Oracle:
    def __init__(self) -> None:
        from bfcl_eval.eval_checker import eval_runner
        from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils
        from bfcl_eval.eval_checker.multi_turn_eval.func_source_code import long_context, posting_api

        self.runner, self.executor, self.extensions = eval_runner, multi_turn_utils, vars(long_context)
        self.twitter = posting_api.TwitterAPI
        self.kept = {name: copy.deepcopy(value) for name, value in self.extensions.items() if isinstance(value, dict) and name.isupper()}
        self.handler = eval_runner.get_handler(MODEL)
        self.entries: dict[str, tuple[Any, Any]] = {}

    def fresh(self) -> None:
        """Everything at module level as in a new process."""
        for name in [name for name in vars(self.executor) if name.endswith("_instance")]:
            del vars(self.executor)[name]
        for name, value in self.kept.items():
            self.extensions[name].clear()
            self.extensions[name].update(copy.deepcopy(value))
        self.twitter.post_tweet.__defaults__ = ([], [])

    def entry(self, name: str) -> tuple[Any, Any]:
        category = name.rsplit("_", 1)[0]
        if name not in self.entries:
            prompts = self.runner.load_dataset_entry(category, include_prereq=False, include_language_specific_hint=False)
            answers = self.runner.load_ground_truth_entry(category)
            self.entries.update({p["id"]: (p, a["ground_truth"]) for p, a in zip(prompts, answers, strict=True)})
        return self.entries[name]

    def judge(self, name: str, result: Any) -> dict[str, Any]:
        prompt, gold = self.entry(name)
        self.fresh()
        category = name.rsplit("_", 1)[0]
        try:
            told = self.runner._evaluate_single_multi_turn_entry(self.handler, name, result, gold, prompt, MODEL, category)
        except (Exception, RecursionError) as error:  # the official run would end here
            return {"id": name, "valid": False, "error_type": f"crash:{type(error).__name__}"}
        return {"id": name, "valid": told["valid"], "error_type": "" if told["valid"] else told["error"]["error_type"]}

    def gold(self, name: str) -> dict[str, Any]:
        prompt, gold = self.entry(name)
        self.fresh()
        told = []
        for turn in gold:
            results, instances = self.executor.execute_multi_turn_func_call(
                turn, prompt["initial_config"], prompt["involved_classes"], MODEL, name, "long_context" in name, True
            )
            state = {c: {k: repr(v) for k, v in vars(i).items() if not k.startswith("_")} for c, i in instances.items()}
            told.append({"results": results, "state": state})
        return {"id": name, "turns": told}

    def time(self, category: str, rounds: int) -> dict[str, Any]:
        """Calls per second of the executor on gold, one call at a time as a model makes them; instances are made beforehand."""
        self.runner.load_dataset_entry(category)
        best, calls = 0.0, 0
        for _ in range(rounds):
            self.fresh()
            work = []
            for answer in self.runner.load_ground_truth_entry(category):
                prompt, gold = self.entry(answer["id"])
                about = (prompt["initial_config"], prompt["involved_classes"], MODEL, answer["id"], "long_context" in answer["id"], True)
                self.executor.execute_multi_turn_func_call([], *about)
                work.append((about, [call for turn in gold for call in turn]))
            gc.collect()
            gc.disable()
            before = time.perf_counter()
            for about, gold in work:
                for call in gold:
                    self.executor.execute_multi_turn_func_call([call], *about)
            spent = time.perf_counter() - before
            gc.enable()
            calls = sum(len(gold) for _, gold in work)
            best = max(best, calls / spent)
        return {"calls": calls, "calls_per_second": best}

    def tools(self, category: str) -> dict[str, Any]:
        """The tools of every entry as the handler of OpenAI's models compiles them, at the start and at each release."""
        from bfcl_eval.constants.enums import ModelStyle
        from bfcl_eval.constants.type_mappings import GORILLA_TO_OPENAPI
        from bfcl_eval.model_handler.utils import convert_to_tool

        found = {}
        for entry in self.runner.load_dataset_entry(category):
            shown = [convert_to_tool(entry["function"], GORILLA_TO_OPENAPI, ModelStyle.OPENAI_COMPLETIONS)]
            for held in entry.get("missed_function", {}).values():
                entry["function"].extend(held)
                shown.append(convert_to_tool(entry["function"], GORILLA_TO_OPENAPI, ModelStyle.OPENAI_COMPLETIONS))
            found[entry["id"]] = shown
        return found

    def run(self, categories: list[str]) -> dict[str, Any]:
        """The official evaluation of the result files under the project root: per category, accuracy and what failed by what."""
        self.fresh()
        self.runner.update_leaderboard_table_with_local_score_file = self.runner.generate_leaderboard_csv = lambda *args: None
        self.runner.main([MODEL], categories, None, None, partial_eval=False)
        found = {}
        for category in categories:
            (path,) = Path(os.environ["BFCL_PROJECT_ROOT"], "score").rglob(f"BFCL_v4_{category}_score.json")
            head, *failed = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            types = {row["id"]: row["error_type"] if "error_type" in row else row["error"]["error_type"] for row in failed}
            found[category] = {"accuracy": head["accuracy"], "failed": types}
        return found

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "gold" in asked:
            return self.gold(asked["gold"])
        if "time" in asked:
            return self.time(asked["time"], asked.get("rounds", 3))
        if "tools" in asked:
            return self.tools(asked["tools"])
        if "runner" in asked:
            return self.run(asked["runner"])
        return self.judge(asked["id"], asked["result"])


def ask(asked: Iterable[dict[str, Any]], root: Path) -> list[Any]:
    """Answers of the oracle, from a process of its own that lives for these questions alone and knows nothing of ours."""
    command = [sys.executable, "-W", "ignore", __file__]
    env = {"BFCL_PROJECT_ROOT": str(root), "PATH": os.environ["PATH"]}
    lines = "\n".join([json.dumps(one) for one in asked])
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, env=env, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def main() -> None:
    assert os.environ.get("BFCL_PROJECT_ROOT"), "give it a directory of its own"
    sys.meta_path.insert(0, StandIns())
    noise, out = io.StringIO(), sys.stdout
    with contextlib.redirect_stdout(noise), contextlib.redirect_stderr(io.StringIO()):
        oracle = Oracle()
        for line in sys.stdin:
            answer = oracle.answer(json.loads(line))
            out.write(json.dumps(answer) + "\n")
            out.flush()


if __name__ == "__main__":
    main()

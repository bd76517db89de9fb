"""Runs in a process of its own: every command and every public function that opens data meets hostile rows, watched by an audit hook.

Prints one JSON object: what was imported, started, contacted or opened because data said so (`crimes`), how each command and
function answered (`answers`), and which commands and functions nobody told about (`strangers`).
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import pkgutil
import sys
from pathlib import Path

HERE = Path(sys.argv[1])
CRIMES, WATCHING, WATCHED = [], [False], ("evil", "mark-of-evil")


def watch(event, given):
    if not WATCHING[0]:
        return
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "socket.connect", "socket.getaddrinfo"):
        CRIMES.append(f"{event} {given!r:.200}")
    elif event in ("import", "open", "exec", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename") and any(
        name in repr(given[0])[:500] for name in WATCHED
    ):
        CRIMES.append(f"{event} {given!r:.200}")
    elif event == "os.getenv" and "SECRET" in repr(given):
        CRIMES.append(f"{event} {given!r:.200}")


sys.addaudithook(watch)
os.environ["EVIL_SECRET"] = "a key"

from turngym import cli  # noqa: E402
from turngym.envs.errors import WorldRefusedError  # noqa: E402

WORLDS = [
    f"mcp:touch {HERE}/mark-of-evil",
    'mcp:{"url": "http://127.0.0.1:9/", "headers": {"Authorization": "${EVIL_SECRET}"}}',
    f"mcp:{HERE}/evil.json",
    f"{HERE}/evil.py:World",
    "evil:World",
]
(HERE / "evil.py").write_text(f"open({str(HERE / 'mark-of-evil')!r}, 'w')\nclass World: pass\n")
(HERE / "evil.json").write_text(json.dumps({"command": "touch", "args": [str(HERE / "mark-of-evil")]}))
sys.path.insert(0, str(HERE))

# Each command, as it is given data: {f} a file of tasks, {d} a data set, {s} its rows, {r} a run, {o} a place to write, {c} clean data.
OPENS = {
    "rollout": ["{f} --policy null"],
    "eval": ["{f} --policy null"],
    "rescore": ["{r}"],
    "verify": ["{f}", "{d}", "{s}", "{f} --workers 1"],
    "audit": ["{f}", "{s}"],
    "export": ["{d} --out {o} --format openai"],
    "coverage": ["{f}", "{d}"],
    "contamination": ["{d} --against {c}", "{c} --against {s}"],
    "refresh": ["{r} --out {o}.jsonl"],
    "refine": ["{s} --out {o}"],
    "synthesize": ["--from {r} --out {o}", "Banking -n 1 --failures {r} --out {o}"],
    "serve": ["Banking --mcp --task {f}"],
    "play": ["{f}"],
    "pack": ["Banking --out {f}"],
}
ASKS_FOR_NO_WORLD = {"compare": ["{r} {r}"], "dedup": ["{d} --out {o}"]}  # they may read such rows; nothing of the world is needed
OPENS_NO_DATA = {"demo", "envs", "envs show", "graph", "check", "doctor"}


def rows_of(world):
    """A task, a sample and a trajectory that name a world, in shapes that would be read."""
    from turngym.envs.env import pack_of
    from turngym.envs.task import Task
    from turngym.synthesis.sample import SAMPLE_FORMAT

    task = json.loads(pack_of("Banking")[0].line())
    task["worlds"][0]["world"] = world
    del task["id"]
    made = Task.model_validate(task)  # no door yet: this is what a stranger does at home
    task["id"] = made.id
    told = {"id": made.id, "task": task, "env": made.env, "category": made.category}
    sample = {**told, "format": SAMPLE_FORMAT, "messages": [{"role": "user", "content": "hi"}], "fingerprints": [], "notes": []}
    verdict = {"success": True, "progress": 1.0, "turns": []}
    run = {**told, "id": f"{made.id}.t0.00000000", "policy": {"name": "null", "config": {}, "hash": "0"}, "verdict": verdict,
           "status": "completed", "worlds": {world: 1}, "messages": [], "steps": [], "results": []}  # fmt: skip
    return task, sample, run


def places(number, world):
    """The files of one hostile world."""
    task, sample, run = rows_of(world)
    base = HERE / f"w{number}"
    for name in ("d", "r"):
        (base / name).mkdir(parents=True)
    clean = HERE / "clean.jsonl"
    if not clean.exists():
        from turngym.envs.env import pack_of

        clean.write_text(pack_of("Banking")[0].line() + "\n")
    (base / "tasks.jsonl").write_text(json.dumps(task) + "\n")
    manifest = {"format": 1, "config": {}, "versions": {}}
    for name, kind, row in (("d", "synthesis", sample), ("r", "rollout", run)):
        (base / name / "run.json").write_text(json.dumps({**manifest, "kind": kind}))
        (base / name / ("samples.jsonl" if name == "d" else "trajectories.jsonl")).write_text(json.dumps(row) + "\n")
    return {"f": base / "tasks.jsonl", "d": base / "d", "s": base / "d" / "samples.jsonl", "r": base / "r", "o": base / "out", "c": clean}


def commands():
    """The names of all commands, groups spelt out."""
    import typer

    def names(command, before):
        for name, inner in getattr(command, "commands", {}).items():
            yield f"{before}{name}"
            yield from names(inner, f"{before}{name} ")

    return list(names(typer.main.get_command(cli.app), ""))


def asked(line):
    """The exit code of a command and what it said on stderr."""
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = cli.run(line.split())
    return code, told.getvalue()


def openers():
    """`module.name` of every public function, class and class method whose parameters may be paths."""
    folders = [importlib.import_module(f"turngym{rest}") for rest in ("", ".envs", ".agents", ".synthesis")]
    found = [info for folder in folders for info in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}.")]
    for info in found:
        if any(part in info.name for part in (".commands", ".worlds.", "__main__")):
            continue
        try:
            module = importlib.import_module(info.name)
        except ImportError:
            continue  # of an extra that is absent
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", "") != info.name:
                continue
            things = [(name, thing)]
            if inspect.isclass(thing):
                things += [(f"{name}.{k}", getattr(thing, k)) for k, v in vars(thing).items() if isinstance(v, classmethod) and k[0] != "_"]
            for label, one in things:
                with contextlib.suppress(ValueError, TypeError):
                    if any("Path" in str(part.annotation) for part in inspect.signature(one).parameters.values()):
                        yield f"{info.name.removeprefix('turngym.')}.{label}"


def functions():
    """Each public function that opens data, as it is called on the files of a hostile world."""
    import gymnasium as gym

    from turngym.agents import make_policy, read_records, rescore, run_all
    from turngym.agents.compare import read_run
    from turngym.agents.playback import ReplayPolicy
    from turngym.agents.trajectory import Trajectory
    from turngym.envs.bridges.trl import prompts
    from turngym.envs.task import TaskFile
    from turngym.synthesis.aiming.refresh import refresh
    from turngym.synthesis.aiming.targets import failures_in
    from turngym.synthesis.auditing.adapters import adapter_of
    from turngym.synthesis.auditing.audit import audit
    from turngym.synthesis.export import export_dataset
    from turngym.synthesis.from_rollouts import synthesize_rollouts
    from turngym.synthesis.pipeline import verify_directory
    from turngym.synthesis.refining.pipeline import refine
    from turngym.synthesis.sample import Sample
    from turngym.synthesis.surveying.contamination import contamination
    from turngym.synthesis.surveying.coverage import coverage, read_tasks
    from turngym.synthesis.surveying.conversations import read_conversations
    from turngym.synthesis.verify import verify_row, verify_task

    def row(path):
        return json.loads(Path(path).read_text().splitlines()[0])

    def audited(at):
        reader = adapter_of("tasks")
        return audit(lambda: reader.entries(str(at["s"])), reader)

    return {
        "envs.env.ToolEnv": lambda at: gym.make("turngym/Banking-v0", tasks=str(at["f"])).reset(),
        "envs.env.ToolEnv (options)": lambda at: gym.make("turngym/Banking-v0").reset(options={"task": row(at["f"])}),
        "envs.task.TaskFile.read": lambda at: TaskFile.read(at["f"])[0],
        "envs.bridges.trl.prompts": lambda at: list(prompts(TaskFile.read(at["f"]))),
        "agents.runner.run_all": lambda at: run_all(make_policy("null"), TaskFile.read(at["f"])),
        "agents.rescore.rescore": lambda at: rescore(at["r"]),
        "agents.records.read_records": lambda at: [Trajectory.from_record(r).read_task() for r in read_records(at["r"])],
        "agents.compare.read_run": lambda at: read_run(at["r"]),
        "agents.playback.ReplayPolicy": lambda at: ReplayPolicy(at["r"]),
        "synthesis.aiming.refresh.refresh": lambda at: refresh(at["r"]),
        "synthesis.aiming.targets.failures_in": lambda at: failures_in(at["r"]).of_envs(["Banking"]),
        "synthesis.auditing.audit.audit": audited,
        "synthesis.export.export_dataset": lambda at: export_dataset(at["d"], at["o"]),
        "synthesis.from_rollouts.synthesize_rollouts": lambda at: synthesize_rollouts(at["r"], at["o"]),
        "synthesis.proving.verify_directory": lambda at: verify_directory(at["d"]),
        "synthesis.refining.pipeline.refine": lambda at: refine(at["s"], at["o"]),
        "synthesis.sample.Sample.from_record": lambda at: Sample.from_record(row(at["s"])),
        "synthesis.surveying.contamination.contamination": lambda at: contamination(at["c"], [at["s"]]),
        "synthesis.surveying.conversations.read_conversations": lambda at: list(read_conversations(at["s"])),
        "synthesis.surveying.coverage.coverage": lambda at: coverage(at["f"]),
        "synthesis.surveying.coverage.read_tasks": lambda at: list(read_tasks(at["d"])),
        "synthesis.verify.verify_row": lambda at: verify_row(row(at["s"])),
        "synthesis.verify.verify_task": lambda at: verify_task(row(at["f"])),
    }

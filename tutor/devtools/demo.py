"""The demo: a school with its servers, web server, workers and beat, kept running until told to stop."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tutor.children import MARK, Child, Kept, birth, end_marked, stop_together, wait_for, write_private
from tutor.devtools.environment import LOGS, ROOT, STATE, Problem, exclusive, say
from tutor.devtools.stack import VARIABLES, Terminated, manage_py, servers, settings
from tutor.embedded import Postgres, Server, Valkey, port_is_free

RUN = STATE / "run"
LOCK = RUN / "demo.lock"
#: Where the demo that runs can be reached.
RUNNING = RUN / "demo.json"
#: What `manage.py demo_school` says of the school it made.
SCHOOL = STATE / "demo.json"
#: A worker may finish its task after Ctrl-C; a second Ctrl-C ends the wait.
PATIENCE_SECONDS = 30.0
READY_SECONDS = 120.0
PORTS_TRIED = 100
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Listening addresses that are no addresses to go to.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass
class Demo:
    host: str
    port: int
    workers: bool
    children: list[Child] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{'localhost' if self.host in EVERYWHERE else self.host}:{self.port}"

    def programs(self) -> dict[str, str]:
        web = (
            f"granian --interface wsgi --host {self.host} --port {self.port} --workers 1 --blocking-threads 4 "
            "--workers-kill-timeout 5 tutor.wsgi:application"
        )
        worker = "celery -A tutor worker -n {}@%h -Q {} --pool threads --concurrency {} --prefetch-multiplier 1 -l INFO"
        # Its patience is less than ours, so that no worker is left when we lose ours.
        pool = f"--patience {PATIENCE_SECONDS - 5:.0f} --run {RUN.relative_to(ROOT)}"
        workers = {
            "inference": f"manage inference_pool -Q inference,rollout {pool}",
            "background": worker.format("background", "schedule,ingest,webhooks", 2),
            "training": worker.format("training", "training", 1),
            "beat": "celery -A tutor beat -l INFO",
        }
        return {"web": web} | (workers if self.workers else {})

    def start(self, env: dict[str, str]) -> list[Kept]:
        return [self._start(name, line.split(), env) for name, line in self.programs().items()]

    def _start(self, name: str, line: list[str], env: dict[str, str]) -> Kept:
        child = program(name)
        self.children.append(child)
        kept = Kept(name, lambda: child.spawn([sys.executable, "-m", *line], env=env, cwd=ROOT), child.running)
        kept.start()
        return kept

    def wait_until_ready(self) -> None:
        web = self.children[0]
        wait_for(lambda: readiness(self.host, self.port)[0] == 200 or not web.running(), READY_SECONDS)
        status, body = readiness(self.host, self.port)
        if status != 200:
            state = f"answers /readyz with {status}: {body}" if status else "does not answer"
            raise Problem(f"the web server {state}; its log is {web.log}")


def program(name: str) -> Child:
    return Child(name, RUN / f"{name}.pid", LOGS / f"{name}.log", patience_seconds=PATIENCE_SECONDS)


def readiness(host: str, port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=10)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def run(host: str, port: int, *, reset: bool, workers: bool) -> int:
    started_at = time.monotonic()
    with exclusive(LOCK) as free:
        if not free:
            say("running", f"the demo is at {running().get('url', '(starting)')}; python3 dev.py down stops it")
            return 1 if reset else 0
        if left := sweep():
            say("cleaned", f"a demo that was killed had left running: {', '.join(left)}")
        if reset:
            forget()
        with servers(STATE, throwaway=False, logs=LOGS) as started:
            for server in started:
                say(server.name, f"ready on port {server.port}")
            env = settings(started, STATE) | allowed(host) | {"TRELLIS_DEMO_FILE": str(SCHOOL)}
            manage_py(env, "migrate", "--verbosity", "0")
            say("schema", "up to date")
            manage_py(env, "demo_school")
            return serve(Demo(host, next_free_port(host, port), workers), started, env, started_at)


def serve(demo: Demo, started: list[Server], env: dict[str, str], started_at: float) -> int:
    try:
        kept = [Kept(server.name, server.start, server.running) for server in started] + demo.start(env)
        demo.wait_until_ready()
        address = {"pid": os.getpid(), "url": demo.url, **{name: env[name] for name in VARIABLES}}
        write_private(RUNNING, json.dumps(address))
        introduce(demo.url, time.monotonic() - started_at)
        supervise(kept)
    except (KeyboardInterrupt, Terminated):
        say("stopping", "the workers finish what they do; Ctrl-C again does not wait for them")
    finally:
        RUNNING.unlink(missing_ok=True)
        stop_together(demo.children)
    return 0


def supervise(kept: list[Kept]) -> NoReturn:
    while True:
        for each in kept:
            if told := each.tend(time.monotonic()):
                say(time.strftime("%H:%M:%S"), f"{told} (log: {(LOGS / each.name).relative_to(ROOT)}.log)")
        time.sleep(0.5)


def introduce(url: str, seconds: float) -> None:
    school = json.loads(SCHOOL.read_text()) if SCHOOL.exists() else {}
    lines = {
        "dashboard": f"{url}/",
        "teacher": account(school, "teacher"),
        "operator": f"{account(school, 'admin')}  at {url}/admin/",
        "API key": school.get("api_key", ""),
        "try": curl(url, school),
        "logs": f"{LOGS.relative_to(ROOT)}/",
        "stop": "Ctrl-C; the data are kept, python3 dev.py demo --reset starts anew",
    }
    print(f"\nTrellis is ready after {seconds:.0f} s\n")
    print("\n".join(f"  {name:<10} {text}" for name, text in lines.items() if text), flush=True)


def account(school: dict[str, str], who: str) -> str:
    return f"{school.get(f'{who}_email', '?')}  password {school.get(f'{who}_password', '?')}"


def curl(url: str, school: dict[str, str]) -> str:
    """The school's example with this demo's address; the school knows paths only."""
    return re.sub(r"(?<![\w/.:])/(?=api/)", f"{url}/", school.get("curl", ""))


def allowed(host: str) -> dict[str, str]:
    """Django refuses requests that name another host; a demo open to the network cannot know all its names."""
    if host in LOOPBACK or "ALLOWED_HOSTS" in os.environ:
        return {}
    say("caution", f"listening on {host}: others can reach the demo, whose passwords are no secrets")
    return {"ALLOWED_HOSTS": "*"}


def next_free_port(host: str, wanted: int) -> int:
    for port in range(wanted, wanted + PORTS_TRIED):
        if port_is_free(port, host):
            if port != wanted:
                say("port", f"{wanted} is taken, using {port}")
            return port
    raise Problem(f"ports {wanted} to {port} of {host} are all taken: name another with --port")


def accounts() -> tuple[str, str]:
    """Address of the demo that runs, and the file that opens it, for whoever wants to look at it."""
    if not running():
        raise Problem("no demo is running: start one with python3 dev.py demo, then do this in another terminal")
    return running()["url"], str(SCHOOL)


def running() -> dict[str, Any]:
    return json.loads(RUNNING.read_text()) if RUNNING.exists() else {}


def sweep() -> list[str]:
    """Stop what a killed demo left running, those that need the servers first; the names of what there was."""
    programs = [program(file.stem) for file in sorted(RUN.glob("*.pid"))]
    stopped_last = [kind(STATE / kind.name) for kind in (Valkey, Postgres)]
    left = [child.name for child in (*programs, *(server.child for server in stopped_last)) if child.leftover()]
    # A migration or the making of the school, without a pid file of its own.
    end_marked(str(STATE))
    for child in programs:
        child.ask_to_stop()
    for each in (*programs, *stopped_last):
        each.sweep()
    RUNNING.unlink(missing_ok=True)
    return left


def forget() -> None:
    for name in ("postgres", "valkey", "models", "imports", "secret_key", "demo.json", "logs"):
        path = STATE / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    say("reset", "the demo's data are gone")
    if "DATABASE_URL" in os.environ:
        say("reset", "except those in the database of DATABASE_URL, which is yours")


def down() -> int:
    with exclusive(LOCK) as free:
        if free:
            left = sweep()
            say("down", f"stopped {', '.join(left)}" if left else "nothing was running")
            return 0
    pid = running().get("pid")
    if pid is None:
        raise Problem("a demo is just starting: stop it with Ctrl-C where it runs, or try again when it is ready")
    os.kill(pid, signal.SIGTERM)
    if not wait_for(lambda: birth(pid) is None, PATIENCE_SECONDS + 30):
        raise Problem(f"the demo (process {pid}) does not stop: kill -9 {pid}, then python3 dev.py down")
    say("down", "the demo has stopped")
    return 0


@contextlib.contextmanager
def demo_settings() -> Iterator[dict[str, str]]:
    """With the servers of the demo that runs, or else with its data on servers started for the moment."""
    with exclusive(LOCK) as free:
        if free:
            sweep()
            with servers(STATE, throwaway=False, logs=LOGS) as started:
                yield settings(started, STATE)
            return
    known = running()
    if not known:
        raise Problem("a demo is just starting: try again when it is ready")
    # Without the mark: the next demo must not end somebody's shell.
    yield settings([], STATE) | {name: known[name] for name in VARIABLES} | {MARK: ""}

#!/usr/bin/env python3
"""Trellis on one machine, from a clone and nothing else: environment, database, broker, processes.

    python3 dev.py demo      a school to look at: web server, workers and data; prints an address
    python3 dev.py test      the whole test suite, on servers of its own
    python3 dev.py --help    the rest

Standard library only, here and in tutor.devtools: it runs before anything is installed. It writes to .dev/ only.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older one must be told, not crash
    sys.exit("Trellis needs Python 3.11 or later, this is {}.{}: try python3.11 dev.py".format(*sys.version_info))
if sys.platform == "win32":
    sys.exit("Trellis needs Linux or macOS (Celery's workers do not run on Windows): use WSL, the Linux in Windows")

import argparse
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from tutor.children import ServerError
from tutor.devtools import checks, environment
from tutor.devtools import demo as demo_of_trellis
from tutor.devtools import lock as locks_of_trellis
from tutor.devtools import messages as messages_of_trellis
from tutor.devtools.environment import SERVERS, STATE, Problem
from tutor.devtools.stack import VARIABLES, Terminated, attend, manage_py, scratch, servers, settings

Run = Callable[[argparse.Namespace, list[str]], int]


@dataclass(frozen=True)
class Command:
    run: Run
    locks: tuple[str, ...]
    flags: dict[str, dict[str, Any]]


COMMANDS: dict[str, Command] = {}


def command(*locks: str, **flags: dict[str, Any]) -> Callable[[Run], Run]:
    """Make a function a command: its name, its docstring as help, the locks it needs installed, its flags."""

    def register(run: Run) -> Run:
        COMMANDS[run.__name__] = Command(run, locks, flags)
        return run

    return register


@command(
    "core",
    SERVERS,
    host={"default": "127.0.0.1", "help": "address to listen on"},
    port={"type": int, "default": 8000, "help": "if it is taken, the next free one is used"},
    reset={"action": "store_true", "help": "start with new data"},
    no_worker={"action": "store_true", "help": "web server only"},
)
def demo(options: argparse.Namespace, rest: list[str]) -> int:
    """a school with learners, answers, workers and a dashboard; Ctrl-C stops it, data are kept"""
    refuse(rest)
    return demo_of_trellis.run(options.host, options.port, reset=options.reset, workers=not options.no_worker)


@command()
def down(options: argparse.Namespace, rest: list[str]) -> int:
    """stop the demo that runs, or what a killed one left running"""
    refuse(rest)
    return demo_of_trellis.down()


@command("core", SERVERS)
def shell(options: argparse.Namespace, rest: list[str]) -> int:
    """Django's shell with the demo's data"""
    with demo_of_trellis.demo_settings() as env:
        return attend(["manage.py", "shell", *rest], env)


@command("core", SERVERS)
def manage(options: argparse.Namespace, rest: list[str]) -> int:
    """any other command of manage.py with the demo's data"""
    with demo_of_trellis.demo_settings() as env:
        return attend(["manage.py", *rest], env)


@command(
    "core",
    SERVERS,
    "test",
    "e2e",
    ci={"action": "store_true", "help": "run the checks too, and skip nothing for want of a browser"},
)
def test(options: argparse.Namespace, rest: list[str]) -> int:
    """the test suite; other arguments go to pytest"""
    with scratch() as folder, servers(folder, throwaway=True) as started:
        env = settings(started, folder) | ({"CI": "true"} if options.ci else {})
        failed = checks.run(env) if options.ci else []
        status = attend(["-m", "pytest", *processes(rest), *rest], env)
    if failed:
        print(f"dev.py: checks failed before the tests: {', '.join(failed)}", file=sys.stderr)
    return status or int(bool(failed))


@command("core", SERVERS, "test")
def bench(options: argparse.Namespace, rest: list[str]) -> int:
    """the benchmarks, on a database as durable as in production; other arguments go to them"""
    with scratch() as folder, servers(folder, throwaway=False) as started:
        return attend(["-m", "tests.bench", *rest], settings(started, folder))


@command("core", "test", update_openapi={"action": "store_true", "help": "write docs/openapi.yaml anew first"})
def check(options: argparse.Namespace, rest: list[str]) -> int:
    """style, types, layers, migrations, the API's description"""
    refuse(rest)
    with scratch() as folder:
        env = {**checks.NO_DATABASE, **settings([], folder)}
        if options.update_openapi:
            manage_py(env, *checks.WRITE_OPENAPI[1:], str(checks.OPENAPI))
        return 1 if checks.run(env) else 0


@command(
    "core",
    "test",
    "e2e",
    into={"metavar": "FOLDER", "help": "every page, both schemes, on a phone and a desk; else what docs/ shows"},
    language={"default": "en", "help": "of the pages"},
)
def screenshots(options: argparse.Namespace, rest: list[str]) -> int:
    """pictures of the demo that runs: into docs/img, or all of them into a folder"""
    refuse(rest)
    url, accounts = demo_of_trellis.accounts()
    into = [options.into, "--all"] if options.into else ["docs/img"]
    shoot = ["-m", "tests.e2e.screenshots", url, accounts, *into, "--language", options.language]
    return attend(shoot, dict(os.environ))


@command("core")
def messages(options: argparse.Namespace, rest: list[str]) -> int:
    """the pages' texts in other languages: collect what the sources say, compile what is translated"""
    refuse(rest)
    with scratch() as folder:
        return messages_of_trellis.run({**checks.NO_DATABASE, **settings([], folder)})


@command()
def lock(options: argparse.Namespace, rest: list[str]) -> int:
    """choose versions anew: requirements/*.txt from requirements/*.in"""
    refuse(rest)
    return locks_of_trellis.run()


def refuse(rest: list[str]) -> None:
    if rest:
        raise Problem(f"unknown argument {rest[0]!r}: see python3 dev.py --help")


def processes(rest: list[str]) -> list[str]:
    """Two, unless the caller chose a number, names single tests or wants to talk to one."""
    own = r"-n(\d+|auto|logical)?|--numprocesses(=.*)?|(-p)?no:xdist|--pdb|--collect-only|--co|.*::.*"
    return [] if any(re.fullmatch(own, argument) for argument in rest) else ["-n", "2", "--dist", "loadgroup"]


def parse() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python3 dev.py", description="Trellis on one machine.", allow_abbrev=False)
    chosen = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, each in COMMANDS.items():
        about = each.run.__doc__
        sub = chosen.add_parser(name, help=about, description=about, allow_abbrev=False)
        for flag, details in each.flags.items():
            sub.add_argument("--" + flag.replace("_", "-"), **details)
    return parser.parse_known_args()


def terminated(number: int, frame: object) -> NoReturn:
    raise Terminated


def run_command(options: argparse.Namespace, rest: list[str]) -> int:
    chosen = COMMANDS[options.command]
    if chosen.locks:
        bring_own_servers = VARIABLES.keys() <= os.environ.keys()
        environment.ensure(tuple(name for name in chosen.locks if name != SERVERS or not bring_own_servers))
        environment.enter()
    return chosen.run(options, rest)


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminated)
    try:
        return run_command(*parse())
    except (Problem, ServerError) as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"dev.py: {error}: {STATE} is another user's; be that user, or use a clone of your own", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Terminated:
        return 128 + signal.SIGTERM


if __name__ == "__main__":
    sys.exit(main())

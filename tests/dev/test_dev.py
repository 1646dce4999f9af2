"""dev.py runs where nothing is installed, and installs exactly what the locks say."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dev
from tutor.children import MARK
from tutor.devtools import checks, demo, environment, stack

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = {"tutor", "tutor.devtools"}
LAUNCHER = [
    ROOT / "dev.py",
    *sorted((ROOT / "tutor" / "devtools").glob("*.py")),
    ROOT / "tutor" / "__init__.py",
    ROOT / "tutor" / "children.py",
    ROOT / "tutor" / "embedded.py",
]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
HOST = re.compile(r"https?:|file:|://|--(extra-)?index-url|--find-links|(^|\s)-[if]\s")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_launcher_needs_the_standard_library_only(path: Path) -> None:
    allowed = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in LAUNCHER} | OWN
    strangers = {name for name in imported(path) if name.split(".")[0] not in sys.stdlib_module_names}
    assert strangers <= allowed


def test_the_launcher_starts_without_any_package() -> None:
    bare = [sys.executable, "-S", "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import dev; dev.parse()"]
    done = subprocess.run([*bare, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_every_package_and_names_no_index(path: Path) -> None:
    text = path.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.startswith(("#", "-r "))]
    assert lines
    for line in lines:
        assert re.match(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+(\s+--hash=sha256:[0-9a-f]{64})*\s*$", line), line
    assert not HOST.search(text)


def pinned(name: str) -> set[str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements" / f"{name}.txt").read_text(), re.M)
    return {re.sub(r"[-_.]+", "-", package).lower() for package in found}


@pytest.mark.parametrize("name", ["core", "test", "e2e", "servers"])
def test_a_lock_has_all_that_was_asked_for(name: str) -> None:
    asked = re.findall(r"^([A-Za-z0-9_.-]+)", (ROOT / "requirements" / f"{name}.in").read_text(), re.M)
    assert {re.sub(r"[-_.]+", "-", package).lower() for package in asked} <= pinned(name)


def test_the_product_runs_on_the_core_lock_alone() -> None:
    absent = pinned("test") | pinned("e2e") | pinned("servers")
    line = [sys.executable, str(ROOT / "tests" / "dev" / "core_alone.py"), *absent]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_package_is_in_two_locks() -> None:
    names = ["core", "test", "e2e", "servers"]
    assert sum(len(pinned(name)) for name in names) == len(set().union(*map(pinned, names)))


def test_the_server_binaries_are_pinned_to_their_files() -> None:
    lines = (ROOT / "requirements" / "servers.txt").read_text().replace("\\\n", " ").splitlines()
    assert all("--hash=sha256:" in line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize(
    "arguments",
    [["-n", "4"], ["-n0"], ["--numprocesses=3"], ["-p", "no:xdist"], ["tests/x.py::test_y"], ["--pdb"]],
    ids=" ".join,
)
def test_the_callers_choice_of_processes_stands(arguments: list[str]) -> None:
    assert dev.processes(arguments) == []


@pytest.mark.parametrize("arguments", [[], ["-k", "some-name"], ["tests/dev"], ["--no-header"]], ids=" ".join)
def test_tests_run_in_two_processes(arguments: list[str]) -> None:
    assert dev.processes(arguments) == ["-n", "2", "--dist", "loadgroup"]


def test_arguments_of_pytest_arrive_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", "test", "--ci", "-k", "one", "tests/dev", "-x"])
    options, rest = dev.parse()
    assert options.ci
    assert rest == ["-k", "one", "tests/dev", "-x"]


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(environment.Problem, match="unknown argument '--rest'"):
        dev.refuse(["--rest"])


def test_a_second_holder_is_told(tmp_path: Path) -> None:
    with environment.exclusive(tmp_path / "lock") as first, environment.exclusive(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with environment.exclusive(tmp_path / "lock") as third:
        assert third


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An environment in a temporary folder that records what would be installed."""
    installed: list[list[str]] = []
    monkeypatch.setattr(environment, "STATE", tmp_path)
    monkeypatch.setattr(environment, "STAMP", tmp_path / "trellis.json")
    monkeypatch.setattr(environment, "install", installed.append)
    monkeypatch.setattr(environment, "venv_version", lambda: "3.11")
    return installed


def test_packages_are_installed_when_their_lock_changes(
    fresh: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.ensure(("core", "servers"))
    environment.ensure(("core", "servers"))
    environment.ensure(("core", "servers", "test"))
    monkeypatch.setattr(environment, "digest", lambda name: "changed" if name == "core" else "")
    stamp = json.loads(environment.STAMP.read_text()) | {"servers": ""}
    environment.STAMP.write_text(json.dumps(stamp))
    environment.ensure(("core", "servers"))
    assert fresh == [["core", "servers"], ["test"], ["core"]]


def test_another_python_means_another_environment(fresh: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr(environment, "make_venv", made.append)
    environment.ensure(("core",))
    monkeypatch.setattr(environment, "venv_version", lambda: "3.12")
    environment.ensure(("core",))
    assert (made, fresh) == ([environment.VENV], [["core"], ["core"]])


def test_without_ensurepip_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(environment.Problem, match=r"install the package python3\.\d+-venv"):
        environment.make_venv(tmp_path)


def test_a_failing_installation_shows_its_end_and_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "LOGS", tmp_path)
    with pytest.raises(environment.Problem, match=r"(?s)pip failed .*pip\.log.*needs a package index.*no-such-option"):
        environment.pip("install", "--no-such-option", python=Path(sys.executable))


def test_the_callers_settings_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRELLIS_MODEL_STORE", "elsewhere")
    monkeypatch.delenv("SECRET_KEY", raising=False)
    made = stack.settings([], tmp_path)
    assert made["TRELLIS_MODEL_STORE"] == "elsewhere"
    assert made["SECRET_KEY"] == stack.settings([], tmp_path)["SECRET_KEY"] != ""
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_servers_that_the_environment_names_are_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/trellis")
    monkeypatch.setenv("BROKER_URL", "amqp://elsewhere")
    with stack.servers(tmp_path, throwaway=True) as started:
        assert started == []


def test_a_scratch_folder_goes_and_so_does_all_of_a_killed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "STATE", tmp_path)
    stale = tmp_path / "scratch" / "1-another-birth"
    stale.mkdir(parents=True)
    left = subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], MARK: str(stale)})
    with stack.scratch() as folder:
        assert left.wait(timeout=10) == -signal.SIGKILL
        assert folder.is_dir()
        assert not stale.exists()
    assert not folder.exists()


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_the_example_is_given_the_demos_address(quote: str) -> None:
    example = {"curl": f"curl -H 'Authorization: Bearer k/api/v1' {quote}/api/v1/learners/7/next{quote}"}
    wanted = f"curl -H 'Authorization: Bearer k/api/v1' {quote}http://h:1/api/v1/learners/7/next{quote}"
    assert demo.curl("http://h:1", example) == wanted


def test_a_demo_open_to_the_network_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.allowed("127.0.0.1") == {}
    assert demo.allowed("0.0.0.0") == {"ALLOWED_HOSTS": "*"}  # noqa: S104
    assert "others can reach the demo" in capsys.readouterr().out


def test_every_check_runs_and_the_failed_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = {"ruff check": (1, "E501 too long"), "mypy": (2, "")}
    names = {tuple(arguments): name for name, arguments in checks.CHECKS.items()}
    monkeypatch.setattr(checks, "python", lambda arguments, env: status.get(names[tuple(arguments)], (0, "")))
    monkeypatch.setattr(checks, "openapi_difference", lambda env: "+new: 1")
    assert checks.run({}) == ["ruff check", "mypy", "openapi"]
    said = capsys.readouterr().out
    assert "E501 too long" in said
    assert "exit status 2" in said
    assert said.count("\nok ") == len(checks.CHECKS) - 2


def test_a_changed_api_is_shown_with_the_way_to_accept_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(arguments: list[str], env: dict[str, str]) -> tuple[int, str]:
        Path(arguments[-1]).write_text("openapi: 3.1.1\nnew: 1\n")
        return 0, ""

    monkeypatch.setattr(checks, "python", write)
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "OPENAPI", tmp_path / "openapi.yaml")
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.1\n")
    said = checks.openapi_difference({})
    assert "+new: 1" in said
    assert "python3 dev.py check --update-openapi" in said
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.1\nnew: 1\n")
    assert checks.openapi_difference({}) == ""

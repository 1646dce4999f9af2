"""RabbitMQ, where it is installed, as a child of the tests: Debian's own service is left alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tutor.children import Child, ServerError, wait_for
from tutor.embedded import HOST, exchange, free_port

#: Debian's command on the PATH refuses everybody but its own user; behind it stands the real one.
BEHIND_DEBIANS = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_SECONDS = 60.0


def command() -> str | None:
    on_path = shutil.which("rabbitmq-server")
    return BEHIND_DEBIANS if on_path and Path(BEHIND_DEBIANS).exists() else on_path


class RabbitMQ:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self._mapper_port = folder, free_port(), free_port()
        self.child = Child("rabbitmq", folder / "rabbitmq.pid", folder / "rabbitmq.log")
        #: Erlang's port mapper, which RabbitMQ would otherwise leave in the background.
        self._mapper = Child("epmd", folder / "epmd.pid", folder / "epmd.log")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}//"

    def start(self) -> None:
        program = command()
        assert program is not None
        if not self._mapper.running():
            self._mapper.spawn(["epmd", "-port", str(self._mapper_port), "-address", HOST])
        self.child.spawn([program], env=self._env(), cwd=self.folder)
        # Whoever opens with AMQP's header is told how the connection begins, once the server is ready.
        greeting = b"AMQP\x00\x00\x09\x01"
        ready = wait_for(lambda: b"\x01" in exchange(self.port, greeting, until=b"\x01"), START_SECONDS)
        if not ready:
            raise ServerError(f"RabbitMQ did not start; its log ends:\n{self.child.log.read_text()[-2000:]}")

    def kill(self) -> None:
        self.child.kill()

    def stop(self) -> None:
        self.child.kill()
        self._mapper.kill()

    def _env(self) -> dict[str, str]:
        # A node, ports and files of its own.
        return {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"trellis{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "server.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "no-such-file"),
        }

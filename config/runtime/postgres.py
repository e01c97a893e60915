"""The embedded Postgres: our own controller around its plain programs.

The data lie in a folder named by major version. It is made beside its place and renamed, so that an interrupted first
start leaves nothing half done. The server runs in the foreground as our child, on TCP with a password; which process
an old postmaster.pid names is Postgres's own business, and it judges that well.
"""

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from config.runtime.accounts import Account
from config.runtime.binaries import PostgresBinaries
from config.runtime.children import Program, run_to_end
from config.runtime.faults import CannotStart
from config.runtime.ports import LOOPBACK
from config.runtime.probes import postgres_is_ready

USER = DATABASE = "tailsvc"

# For a log store on a small machine. Read before ALTER SYSTEM's file, so that an operator's own values win.
SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",  # the one method that every build has
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "autovacuum": "on",
    "jit": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u@%d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# The first version whose own C.UTF-8 is the same on every machine.
_BUILTIN_LOCALE_FROM = 17
# A crash with a full 4 GB of WAL to replay takes minutes.
_RECOVERY_SECONDS = 900.0
# It ends within a second; only a last checkpoint of a slow disk takes longer, and a kill would cost a recovery.
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One server. `folder` is the home, `run` holds its lock, `account` is None for ourselves."""

    folder: Path
    run: Path
    binaries: PostgresBinaries
    account: Account | None
    password: str
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / f"postgres-{self.binaries.major}"

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    async def prepare(self, *, output: int) -> None:
        """Make the cluster if there is none. Raises CannotStart for data of another major version."""
        self._require_our_version()
        self._write_settings()
        if not self.data.is_dir():
            await self._create_cluster(output)
        self._drop_stale_pid_file()

    def program(self) -> Program:
        run_time = {"listen_addresses": LOOPBACK, "port": str(self.port), "unix_socket_directories": ""}
        options = [part for name, value in run_time.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            argv=(self.binaries["postgres"], "-D", str(self.data), *options),
            env=self._environment(),
            cwd=Path("/"),
            lock=self.run / "postgres.lock",
            account=self.account,
            ready=partial(postgres_is_ready, LOOPBACK, self.port),
            ready_within_seconds=_RECOVERY_SECONDS,
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, data are flushed
            death_signal=signal.SIGINT,
            grace_seconds=_STOP_SECONDS,
            tier=0,
        )

    def _environment(self) -> dict[str, str]:
        # Nothing of ours: HOME=/root or LC_ALL of a user would reach libpq and initdb.
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.folder)}

    def _require_our_version(self) -> None:
        written = {path.parent: path.read_text().strip() for path in self._version_files()}
        found = written.get(self.data) or next(iter(written.values()), None)
        if found is None or found == str(self.binaries.major):
            return
        raise CannotStart(
            f"The data in {self.folder} were written by Postgres {found}, but the installed one is "
            f"{self.binaries.major}, which cannot read them. Start the tailsvc they were written with (or name a "
            f"Postgres {found} by TAILSVC_POSTGRES_BIN), dump them with pg_dump, and load the dump into a new --home."
        )

    def _version_files(self) -> list[Path]:
        return [
            folder / "PG_VERSION"
            for folder in self.folder.glob("postgres-*")
            if folder.suffix != ".tmp" and (folder / "PG_VERSION").is_file()
        ]

    def _drop_stale_pid_file(self) -> None:
        """After a hard stop the pid in it may be another process's by now (in a container it nearly always is), and
        Postgres would refuse to start. A postmaster works inside its data folder; that tells it from others."""
        path = self.data / "postmaster.pid"
        try:
            process = Path("/proc") / path.read_text().partition("\n")[0]
            if process.is_dir() and (process / "cwd").readlink() != self.data:
                path.unlink()
        except PermissionError:  # somebody else's process, so none that we could have started
            path.unlink()
        except OSError:  # no such file or process, or no /proc: Postgres decides
            return

    def _write_settings(self) -> None:
        # In our folder, not among the data: as root we would write where another user owns the way.
        lines = [f"{name} = '{value}'\n" for name, value in {**SETTINGS, **self.settings}.items()]
        path = self.folder / "postgres.conf"
        fresh = path.with_suffix(".new")
        fresh.write_text("# Written at every start. Your own settings: ALTER SYSTEM SET ...\n" + "".join(lines))
        fresh.chmod(0o644)
        fresh.replace(path)

    async def _create_cluster(self, output: int) -> None:
        workshop = self.data.with_suffix(".tmp")
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        self._hand_over(workshop)
        password_file = workshop / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password + "\n")
        self._hand_over(password_file)
        await self._run("initdb", self._initdb(workshop / "data", password_file), output)
        await self._run("creating the database", self._create_database(workshop), output)
        with (workshop / "data" / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = '../postgres.conf'\n# Yours may follow here.\n")
        (workshop / "data").rename(self.data)
        shutil.rmtree(workshop)

    def _initdb(self, data: Path, password_file: Path) -> tuple[str, ...]:
        locale: tuple[str, ...] = ("--locale=C",)
        if self.binaries.major >= _BUILTIN_LOCALE_FROM:
            locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        sync = ("--no-sync",) if self.settings.get("fsync") == "off" else ()
        return (
            *(self.binaries["initdb"], "-D", str(data), "-U", USER, "-E", "UTF8", *locale, *sync),
            *("-A", "scram-sha-256", f"--pwfile={password_file}", "--data-checksums"),
        )

    def _create_database(self, workshop: Path) -> tuple[str, ...]:
        """In single-user mode, so that it happens before the rename."""
        command = f'echo "CREATE DATABASE {DATABASE};" | exec "$0" --single -D "$1" postgres'
        return ("/bin/sh", "-c", command, self.binaries["postgres"], str(workshop / "data"))

    async def _run(self, step: str, argv: tuple[str, ...], output: int) -> None:
        program = Program(
            name="initdb",
            argv=argv,
            env=self._environment(),
            cwd=Path("/"),
            lock=self.run / "postgres.lock",
            account=self.account,
        )
        if await run_to_end(program, output=output) != 0:
            raise CannotStart(
                f"The database could not be made: {step} failed; {self.folder}/log/postgres.log says why."
            )

    def _hand_over(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

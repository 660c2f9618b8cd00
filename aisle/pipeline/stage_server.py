"""Stages as forks of one process that has the largest libraries imported: one to two seconds less for each.

While `running`, `python -m stages.NAME` hands over what it was started with: arguments, environment,
folder, stdin, stdout and stderr. The server forks, the fork is that stage to its end, and the process that
was started ends as it does. Which of the two runs a stage changes nothing of what it writes. Where nobody
serves, as under `dvc repro`, a stage runs as it was started.
"""

import ctypes
import gc
import json
import os
import runpy
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

PLACE = "AISLE_STAGE_SERVER"
"""Variable with the server's address, a name in Linux's abstract namespace: no file is left behind."""
PRELOADED = (
    "pandas",
    "PIL.Image",
    "pyarrow.parquet",
    "pydantic",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.calibration",
    "sklearn.decomposition",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "sklearn.svm",
    "tqdm",
)
"""Nothing that does not survive a fork, such as TensorFlow and torch."""
NUMBER = struct.Struct("!q")


def hand_over() -> None:
    """Let the server do what this process was started for, and end as that does; return where none serves."""
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect("\0" + os.environ[PLACE])
        except ConnectionRefusedError:  # it has ended: what it would have done is done here
            return
        job = {"argv": sys.orig_argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}
        content = json.dumps(job).encode()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the fork has it too, and tells
        answer = b""
        with suppress(ConnectionError):  # no answer
            socket.send_fds(server, [NUMBER.pack(len(content))], [0, 1, 2])
            server.sendall(content)
            answer = server.recv(NUMBER.size)
    if not answer:
        raise RuntimeError("the process that runs the stages has ended before this one; run again")
    (code,) = NUMBER.unpack(answer)
    if code < 0:  # of a signal
        with suppress(OSError):  # SIGKILL has no other
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


@contextmanager
def running(root: Path) -> Iterator[None]:
    """Serve the stages that are started in a folder, as long as this lasts."""
    place = f"aisle-{secrets.token_hex(16)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{place}")
        listener.listen()
        command = [sys.executable, "-m", "aisle.pipeline.stage_server", str(listener.fileno())]
        server = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
    os.environ[PLACE] = place
    try:
        yield
    finally:
        os.environ.pop(PLACE, None)
        server.communicate()  # the end of its stdin is its end


def preload() -> None:
    """Import what most stages do, and what takes longest."""
    for name in PRELOADED:
        resolve_name(name)
    gc.freeze()  # the forks share these pages


def _received(listener: socket.socket) -> tuple[socket.socket, dict[str, Any]] | None:
    """Return a connection and what it hands over; None for who is not this user, or has gone already."""
    connection, _ = listener.accept()
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    start, files, _, _ = socket.recv_fds(connection, NUMBER.size, 3)
    if user != os.getuid() or len(start) < NUMBER.size:
        for file in files:
            os.close(file)
        connection.close()
        return None
    with connection.makefile("rb") as stream:
        content = stream.read(NUMBER.unpack(start)[0])
    return connection, json.loads(content) | {"files": files}


def _fork() -> int:
    """Fork; the new process ends when this one does."""
    if not (process := os.fork()):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    return process


def serve(listener: socket.socket) -> dict[str, Any] | None:
    """Fork for each job; return the job in the fork, and None in the server at the end of its stdin."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    sources: list[Any] = [0, listener]
    while 0 not in select.select(sources, [], [])[0]:
        if (received := _received(listener)) is None:
            continue
        connection, job = received
        if not _fork():  # who waits for the stage
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            if process := _fork():
                _await(process, connection)
            connection.close()
            return job
        connection.close()
        for file in job["files"]:
            os.close(file)
    return None


def _await(process: int, connection: socket.socket) -> NoReturn:
    """Tell how a stage ends, and end; a stage ends too if the process that waits for it has been killed."""
    ends: list[Any] = [os.pidfd_open(process), connection]
    if connection in select.select(ends, [], [])[0]:  # it says no more
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(OSError):
        connection.sendall(NUMBER.pack(code))
    os._exit(0)


def become(job: dict[str, Any]) -> None:
    """Make this process what the one was that was started: its files, folder, environment, arguments."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(job["files"]):
        os.dup2(file, number)
        os.close(file)
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        old = getattr(sys, name)
        new = open(number, mode, 1, old.encoding, old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    del os.environ[PLACE]
    sys.argv = job["argv"]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: it ends when the stages have
    preload()
    with socket.socket(fileno=int(sys.argv[1])) as served:
        given = serve(served)
    if given:
        become(given)
        runpy.run_module(given["argv"][0], run_name="__main__", alter_sys=True)

"""How fast the benchmark's own server can be read: a bare socket that follows the pages and looks at nothing else.

`python -m tests.benchmarks.ceiling '<task>'` prints the records and bytes it got, and the seconds.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from typing import Any, Final

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_NEXT: Final = re.compile(rb"\r\nopc-next-page: (\S+)")


def main() -> None:
    """Read every page of the task's request."""
    task = json.loads(sys.argv[1])
    with socket.create_connection(("127.0.0.1", task["port"])) as connection:
        began = time.perf_counter()
        read = _read_all(connection, task)
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "bytes": read, "records": task["records"]}))  # noqa: T201


def _read_all(connection: socket.socket, task: dict[str, Any]) -> int:
    read, token, buffer = 0, "", bytearray(1 << 20)
    body = task.get("body", "")
    while True:
        target = task["target"] + (f"&page={token}" if token else "")
        head = f"{task['method']} {target} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        connection.sendall(head.encode())
        got = bytearray()
        while _END_OF_HEAD not in got:
            got += connection.recv(65536)
        head_bytes, _, rest = bytes(got).partition(_END_OF_HEAD)
        left = int(_LENGTH.search(head_bytes)[1]) - len(rest)
        while left > 0:
            left -= connection.recv_into(buffer, min(left, len(buffer)))
        read += len(got)
        following = _NEXT.search(head_bytes)
        if following is None:
            return read
        token = following[1].decode()


if __name__ == "__main__":
    main()

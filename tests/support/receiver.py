"""A shop's endpoint that takes everything: `python -m tests.support.receiver --port N [--log FILE]`.

`GET /` tells the counts. `PUT /refuse/SECONDS` has it answer 500 for so long, and take nothing. The log has one line of
JSON for each request that is taken, written before it is answered; started again, it goes on with the same log.
"""

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import TextIO


class Receiver:
    """ids: the webhook ids that came; posts: how many requests."""

    def __init__(self, log: TextIO | None) -> None:
        self.ids: set[str] = set()
        self.posts = 0
        self._log = log
        self._refuses_until = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one kept-alive connection."""
        try:
            while True:
                writer.write(await self._answer(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if lines[0].startswith("GET"):
            counts = json.dumps({"posts": self.posts, "ids": len(self.ids)}).encode()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(counts) + counts
        if lines[0].startswith("PUT /refuse/"):
            self._refuses_until = time.monotonic() + float(lines[0].split()[1].removeprefix("/refuse/"))
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        body = await reader.readexactly(int(fields["content-length"]))
        if time.monotonic() < self._refuses_until:
            return b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
        self.posts += 1
        self.ids.add(fields["webhook-id"])
        if self._log is not None:
            said = {name: fields[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
            self._log.write(json.dumps(said | {"body": body.decode()}) + "\n")
            self._log.flush()
        return b"HTTP/1.1 204 No Content\r\n\r\n"


def _continued(log: Path) -> TextIO:
    """Open `log` to go on with it, without a last line that a kill cut off: that request was never answered."""
    log.touch()
    whole, end, _ = log.read_bytes().rpartition(b"\n")
    os.truncate(log, len(whole + end))
    return log.open("a")


async def main(port: int, log: Path | None) -> None:
    """Serve until the process is ended."""
    receiver = Receiver(_continued(log) if log else None)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    asyncio.run(main(options.port, options.log))

"""The report of a folder as a live page: made anew as its runs go on, served on this machine alone."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from regrep.errors import RegrepError
from regrep_paper.report.page import build, report_folder
from regrep_paper.report.runs import SUFFIX

WATCHED = ("run.json", "done.json", "metrics.csv", "costs.json")
"""Files of run folders that a report is made of."""

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".tex": "text/plain; charset=utf-8",
}
"""What is served, by the ends of names."""

RELOAD = """<script>
const shown = "{version}";
setInterval(async () => {{
  const found = await fetch("/version").then((answer) => answer.text()).catch(() => shown);
  if (found !== shown) location.reload();
}}, 2000);
</script>
"""
"""Shows the next report as soon as there is one."""

Made = Callable[[Path, Path], Path]
"""Source and folder of the report -> its page."""


class LiveReport:
    """Makes the report of a folder, and makes it again when a record in it has changed.

    Args:
        source: folder of run folders, or a file of records.
        out: where the report is written; by default where ``regrep report`` puts it.
        make: makes the report; to be replaced in tests.
    """

    def __init__(self, source: Path, out: Path | None = None, make: Made | None = None) -> None:
        if not source.exists():
            raise RegrepError(f"there is no folder or file {source}; name the --out of a sweep or of a run")
        self.source, self.out = source, report_folder(source) if out is None else out
        self.version, self.message = 0, "The first report is being made."
        self._make = make or (lambda source, out: build(source, out).page)
        self._seen: object = None
        self._page: Path | None = None

    def refresh(self) -> bool:
        """Make the report again if a record changed since the last time; says whether it did."""
        found = self._stamp()
        if found == self._seen:
            return False
        self._seen = found
        try:
            self._page = self._make(self.source, self.out)
        except RegrepError as error:
            self.message = str(error)
        self.version += 1
        return True

    def page(self) -> str:
        """The page, which loads the next one when there is one."""
        reload = RELOAD.format(version=self.version)
        if self._page is None:
            return (
                f'<!DOCTYPE html><html lang="en"><title>regrep</title><p>{html.escape(self.message)}</p>{reload}</html>'
            )
        head, end, rest = self._page.read_text("utf-8").rpartition("</body>")
        return head + reload + end + rest

    def file(self, name: str) -> bytes | None:
        """A table or figure of the report; None for anything else."""
        path = (self.out / name).resolve()
        if not path.is_relative_to(self.out.resolve()) or path.suffix not in KINDS or not path.is_file():
            return None
        return path.read_bytes()

    def _stamp(self) -> object:
        """What tells one state of the records from another."""
        files = [self.source]
        if self.source.is_dir():
            inside = (path for path in self.source.rglob("*") if path.name in WATCHED or path.suffix == SUFFIX)
            files = sorted(path for path in inside if self.out not in path.parents)
        found = []
        for path in files:
            try:
                state = path.stat()
            except OSError:  # removed since it was listed
                continue
            found.append((str(path), state.st_size, state.st_mtime_ns))
        return found


def server(report: LiveReport, port: int = 0) -> ThreadingHTTPServer:
    """A server of a live report on the loopback interface; port 0 takes a free one.

    Raises:
        RegrepError: the port cannot be taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = {f"{name}:{served.server_port}" for name in ("127.0.0.1", "localhost")}
            if self.headers.get("Host") not in own:  # a page from elsewhere under a name that leads here
                return self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"this page is served on this machine alone")
            path = unquote(urlsplit(self.path).path)
            if path == "/version":
                return self._answer(HTTPStatus.OK, "text/plain", str(report.version).encode())
            if path in ("/", "/report.html"):
                return self._answer(HTTPStatus.OK, KINDS[".html"], report.page().encode())
            content = report.file(path.lstrip("/"))
            if content is None:
                return self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not a part of this report")
            return self._answer(HTTPStatus.OK, KINDS[Path(path).suffix], content)

        def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # the terminal is for what happens to the runs
            pass

    try:
        served = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as error:
        raise RegrepError(f"port {port} cannot be taken ({error}); leave --port out for a free one") from error
    return served


def watch(source: Path, out: Path | None, port: int, every: float, say: Callable[[str], None]) -> None:
    """Serve a live report until the process is interrupted.

    Args:
        source: folder or file of records.
        out: folder of the report.
        port: of the server, 0 for a free one.
        every: seconds between two looks at the records.
        say: told the address, and each new report.
    """
    report = LiveReport(source, out)
    with server(report, port) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        say(f"http://127.0.0.1:{served.server_port}/ shows {source}; Ctrl-C ends it")
        try:
            while True:
                if report.refresh():
                    say(f"report {report.version}, {time.strftime('%H:%M:%S')}")
                time.sleep(every)
        finally:
            served.shutdown()

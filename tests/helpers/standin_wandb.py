"""A W&B server on loopback: enough for wandb's own client to log, sync and save views; it keeps what it was told."""

import gzip
import http.server
import json
import socket
import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any

KEY = "0123456789abcdef0123456789abcdef01234567"


class StandIn:
    """The server; as a context manager it runs on a port of its own.

    Attributes:
        operations: Names of the GraphQL operations, in the order in which they came.
        runs: What was said of each run when it was created or changed, by run id.
        history: The logged rows of each run.
        summary: The last summary of each run.
        exit_codes: How each run ended.
        files: Content of uploaded files, by path of the address.
        views: Saved workspaces and reports.
        keys: The keys it was asked with.
        silent: Whether it takes what comes and never answers.
        refuses: Whether it takes no key.
        silent_after: An operation after whose answer it falls silent.
        dies_after: An operation after whose answer it dies.
    """

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.runs: dict[str, dict[str, Any]] = defaultdict(dict)
        self.history: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.summary: dict[str, dict[str, Any]] = {}
        self.exit_codes: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.views: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.silent = False
        self.refuses = False
        self.silent_after: str | None = None
        self.dies_after: str | None = None
        self._connections: set[socket.socket] = set()
        handler = type("Bound", (_Handler,), {"server_is": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to find the server and be let in."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY}

    def __enter__(self) -> "StandIn":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.die()

    def die(self) -> None:
        """Close the door and every conversation: from now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def wait_for(self, what: str, seconds: float = 60) -> None:
        """Wait until an attribute holds something, such as the first row of a history."""
        until = time.monotonic() + seconds
        while not getattr(self, what):
            assert time.monotonic() < until, f"the stand-in server has seen no {what}; only {self.operations}"
            time.sleep(0.02)

    def answer(self, query: str, variables: dict[str, Any]) -> Any:
        """Return the data that a GraphQL query asks for; None where it is not known."""
        if "upsertBucket" in query:
            name = variables["name"]
            self.runs[name].update({k: v for k, v in variables.items() if v is not None})
            return {"upsertBucket": {"inserted": True, "bucket": self._bucket(name)}}
        if "createRunFiles" in query:
            files = [{"name": f, "uploadUrl": f"{self.url}/storage/{variables['run']}/{f}"} for f in variables["files"]]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        if "upsertView" in query:
            self.views.append(variables)
            project = {"id": "1", "name": variables["projectName"], "entityName": variables["entityName"]}
            view = {"id": "Vmlldzo1", "name": variables["name"], "type": variables["type"], "displayName": "",
                    "description": "", "spec": variables["spec"], "project": project,
                    "updatedAt": "2026-01-01T00:00:00"}  # fmt: skip
            return {"upsertView": {"view": view, "inserted": True}}
        if "bucket(" in query:  # is there such a run already?
            project = {"id": "1", "name": variables.get("project"), "entity": {"id": "1", "name": "lab"}}
            return {"model": {**project, "bucket": self._bucket(variables["name"])}}
        if "models(" in query:
            node = {"id": "1", "name": "yolograft", "entityName": "lab", "createdAt": "2026-01-01T00:00:00",
                    "isBenchmark": False, "user": None}  # fmt: skip
            page = {"endCursor": None, "hasNextPage": False}
            return {"models": {"pageInfo": page, "edges": [{"node": node, "cursor": "1"}]}}
        if "internalId" in query:
            return {"project": {"internalId": "UHJvamVjdA=="}}
        if "viewer" in query:
            return {"viewer": {"id": "1", "entity": "lab", "username": "lab", "flags": "{}", "teams": {"edges": []}}}
        return None

    def _bucket(self, name: str) -> dict[str, Any] | None:
        """Return a run as W&B tells of it, None where it does not know it."""
        if name not in self.runs:
            return None
        run, history = self.runs[name], self.history[name]
        tail = json.dumps([json.dumps(row) for row in history[-1:]])
        return {
            "id": "Ym9v",
            "name": name,
            "displayName": run.get("displayName"),
            "description": None,
            "config": "{}",
            "wandbConfig": json.dumps({"t": 1}),  # the client goes on with a run only where it has such
            "summaryMetrics": json.dumps(self.summary.get(name, {})),
            "historyTail": tail,
            "eventsTail": "[]",
            "historyLineCount": len(history),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "tags": run.get("tags"),
            "sweepName": None,
            "project": {"id": "1", "name": run.get("project"), "entity": {"id": "1", "name": "lab"}},
        }

    def stream(self, run: str, content: dict[str, Any]) -> None:
        """Take what a run sends of itself."""
        for file, part in content.get("files", {}).items():
            lines = [json.loads(line) for line in part["content"]] if file.endswith((".json", ".jsonl")) else []
            if file == "wandb-history.jsonl":
                del self.history[run][part["offset"] :]
                self.history[run] += lines
            elif file == "wandb-summary.json":
                self.summary[run] = lines[-1]
        if content.get("complete"):
            self.exit_codes[run] = content.get("exitcode", 0)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_is: StandIn

    def setup(self) -> None:
        super().setup()
        self.server_is._connections.add(self.connection)

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        standin = self.server_is
        while standin.silent:
            time.sleep(0.1)
        status, answer = 200, self._answer(body)
        if standin.refuses:
            status, answer = 401, {"error": "not you"}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        last = standin.operations[-1:]
        standin.silent = standin.silent or last == [standin.silent_after]
        if last == [standin.dies_after]:
            threading.Thread(target=standin.die, daemon=True).start()

    do_POST = do_GET = do_PUT = _take  # noqa: N815 (the names that http.server calls)

    def _answer(self, body: bytes) -> Any:
        standin, path = self.server_is, self.path
        if path == "/graphql":
            standin.keys.add(self.headers.get("Authorization", ""))
            asked = json.loads(body)
            standin.operations.append(asked.get("operationName") or asked["query"][:80])
            data = standin.answer(asked["query"], asked.get("variables") or {})
            return {"data": data} if data else {"data": None, "errors": [{"message": f"unknown: {asked['query']}"}]}
        if path.endswith("/file_stream"):
            standin.stream(path.split("/")[-2], json.loads(body))
        elif path.startswith("/storage/"):
            standin.files[path.removeprefix("/storage/")] = body
        return {}

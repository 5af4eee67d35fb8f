"""A Hub on loopback: the part of the Hugging Face Hub's API that pushing and loading use, with faults on demand."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from http_handler import Handler

# Parts are small, so that a small file shows a multipart upload.
PART = 4096
DATE = "2026-01-02T03:04:05.000Z"


@dataclass
class Blob:
    data: bytes
    lfs: bool
    # The sum of content that is not held here.
    sha256: str = ""

    @property
    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    @property
    def etag(self) -> str:
        return (self.sha256 or hashlib.sha256(self.data).hexdigest()) if self.lfs else self.oid

    def describe(self, path: str) -> dict:
        info = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        if self.lfs:
            info["lfs"] = {"oid": self.etag, "size": len(self.data), "pointerSize": 134}
        return info


@dataclass
class HostedRepo:
    kind: str
    id: str
    private: bool
    sdk: str | None
    # Branches and pull requests point to commits; a commit is its files.
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)

    def commit(self, ref: str, files: dict[str, Blob], title: str) -> str:
        seed = f"{self.kind} {self.id} {ref} {len(self.titles)} {title}"
        oid = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[oid] = files
        self.refs[ref] = oid
        self.titles.append(title)
        return oid

    def find(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.refs.get(revision)

    def files(self, revision: str = "main") -> dict[str, bytes]:
        return {path: blob.data for path, blob in self.commits[self.refs[revision]].items()}


class Refusal(Exception):
    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class LoopbackHub:
    """The server and its state.

    Faults: `break_uploads` are the uploads of large content, counted from 1, that end half-way; `lose_commits` is how
    many commits are done but not answered; `answers` maps a pattern of `METHOD /path` to statuses used up one by one;
    `multipart` asks for large content in parts; `refuse_card` is a reason against any card. With `xet`, a folder, the
    client hf_xet itself stores large content there, as it does on the real Hub; the server does not hold it.
    """

    def __init__(self, xet: Path | None = None) -> None:
        self.xet = xet
        self.users = {"hf_alice": "alice", "hf_bob": "bob"}
        self.repos: dict[tuple[str, str], HostedRepo] = {}
        self.store: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.log: list[str] = []
        self.authorizations: set[str] = set()
        self.uploads = itertools.count(1)
        self.break_uploads: set[int] = set()
        self.lose_commits = 0
        self.answers: dict[str, list[int]] = {}
        self.multipart = False
        self.refuse_card: str | None = None
        self.lock = threading.Lock()
        # As on the real Hub, large content lies elsewhere: clients follow a redirect to another host in another way.
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _ in range(2)]
        for server in self._servers:
            server.daemon_threads = True
            server.hub = self
        self.endpoint, self.storage = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def __enter__(self) -> LoopbackHub:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def repo(self, kind: str, repo_id: str) -> HostedRepo:
        return self.repos[kind, repo_id]

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, line)) for line in self.log)

    def stored(self) -> int:
        """Return the bytes that hf_xet has stored: the content, and the lists of its chunks."""
        files = (path for part in ("xorbs", "shards") for path in self.xet.glob(f"xet/xorbs/{part}/*"))
        return sum(path.stat().st_size for path in files if path.suffix != ".tagset")

    def create(self, kind: str, repo_id: str, *, private: bool = False, sdk: str | None = None) -> HostedRepo:
        repo = self.repos[kind, repo_id] = HostedRepo(kind, repo_id, private, sdk)
        repo.commit("main", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)}, "initial commit")
        return repo


class _Handler(Handler):
    def handle_any(self) -> None:
        self.hub: LoopbackHub = self.server.hub
        url = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        line = f"{self.command} {url.path}"
        with self.hub.lock:
            self.hub.log.append(line)
            self.hub.authorizations.add(self.headers.get("Authorization", ""))
        try:
            if url.path.startswith("/lfs/") and self.command == "PUT":
                self.receive(url.path)
                return
            self.body = self.read_body()
            for pattern, statuses in self.hub.answers.items():
                if statuses and re.search(pattern, line):
                    raise Refusal(statuses.pop(0), "as the test demands")
            for methods, pattern, function in _ROUTES:
                match = re.fullmatch(pattern, url.path)
                if match and self.command in methods:
                    function(self, **{key: unquote(value or "") for key, value in match.groupdict().items()})
                    return
            raise Refusal(404, "Not Found")
        except Refusal as refusal:
            headers = {"X-Error-Message": refusal.message}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self.answer({"error": refusal.message}, refusal.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    # The wire

    def answer(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.close_connection = True
        self.connection.close()

    # Who may do what

    def user(self) -> str | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def find(self, kind: str, repo_id: str) -> HostedRepo:
        repo = self.hub.repos.get((kind, repo_id))
        user = self.user()
        if repo is None or (repo.private and user != repo_id.split("/")[0]):
            raise Refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        return repo

    def find_to_write(self, kind: str, repo_id: str) -> HostedRepo:
        repo, user = self.find(kind, repo_id), self.user()
        if user is None:
            raise Refusal(401, "Unauthorized")
        if user != repo_id.split("/")[0] and self.query.get("create_pr") != "1":
            raise Refusal(403, "you don't have the right to write to this repo")
        return repo

    def find_files(self, repo: HostedRepo, revision: str) -> tuple[str, dict[str, Blob]]:
        oid = repo.find(revision)
        if oid is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return oid, repo.commits[oid]

    # Accounts, repos, branches

    def whoami(self) -> None:
        name = self.user()
        if name is None:
            raise Refusal(401, "Invalid username or password.")
        self.answer({"type": "user", "name": name, "orgs": [], "auth": {"type": "access_token"}})

    def validate_card(self) -> None:
        content = json.loads(self.body)["content"]
        match = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        metadata = yaml.safe_load(match[1]) if match else None
        reason = self.hub.refuse_card or (None if isinstance(metadata, dict) else "no metadata")
        if reason:
            self.answer({"errors": [{"message": reason}], "warnings": []}, 400)
        else:
            self.answer({"errors": [], "warnings": []})

    def create_repo(self) -> None:
        wish, user = json.loads(self.body), self.user()
        if user is None:
            raise Refusal(401, "Unauthorized")
        owner = wish.get("organization") or user
        kind, repo_id = wish["type"], f"{owner}/{wish['name']}"
        if owner != user:
            raise Refusal(403, f"You don't have the rights to create a {kind} under the namespace {owner!r}")
        address = {"url": f"{self.hub.endpoint}/{kind}s/{repo_id}", "name": repo_id}
        if (kind, repo_id) in self.hub.repos:
            self.answer({**address, "error": "You already created this repo"}, 409)
            return
        private = bool(wish.get("private")) or wish.get("visibility") == "private"
        self.hub.create(kind, repo_id, private=private, sdk=wish.get("sdk"))
        self.answer(address)

    def show_repo(self, kind: str, repo_id: str, revision: str) -> None:
        repo = self.find(kind, repo_id)
        oid, files = self.find_files(repo, revision or "main")
        siblings = [{"rfilename": path} for path in sorted(files)]
        info = {"_id": "1", "id": repo_id, "author": repo_id.split("/")[0], "sha": oid, "lastModified": DATE}
        info |= {"private": repo.private, "gated": False, "disabled": False, "tags": [], "siblings": siblings}
        self.answer({**info, "downloads": 0, "likes": 0, "createdAt": DATE, "sdk": repo.sdk})

    def create_branch(self, kind: str, repo_id: str, branch: str) -> None:
        repo = self.find_to_write(kind, repo_id)
        if branch in repo.refs:
            raise Refusal(409, f"Reference already exists: {branch}")
        repo.refs[branch] = repo.refs["main"]
        self.answer({})

    # Reading

    def list_tree(self, kind: str, repo_id: str, revision: str, path: str) -> None:
        _, files = self.find_files(self.find(kind, repo_id), revision)
        prefix = f"{path}/" if path else ""
        entries = {}
        for name, blob in sorted(files.items()):
            if not name.startswith(prefix):
                continue
            parts = name.removeprefix(prefix).split("/")
            for depth in range(1, len(parts)):
                folder = prefix + "/".join(parts[:depth])
                entries[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
            entries[name] = blob.describe(name)
        if path and not entries:
            raise Refusal(404, f"{path} does not exist", "EntryNotFound")
        if self.query.get("recursive", "false").lower() not in ("true", "1"):
            entries = {name: entry for name, entry in entries.items() if "/" not in name.removeprefix(prefix)}
        self.answer([entries[name] for name in sorted(entries)])

    def show_paths(self, kind: str, repo_id: str, revision: str) -> None:
        _, files = self.find_files(self.find(kind, repo_id), revision)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            paths = json.loads(self.body)["paths"]
        else:
            paths = parse_qs(self.body.decode())["paths"]
        entries = []
        for path in paths:
            if path in files:
                entries.append(files[path].describe(path))
            elif any(name.startswith(f"{path}/") for name in files):
                entries.append({"type": "directory", "path": path, "size": 0, "oid": "0" * 40})
        self.answer(entries)

    def resolve(self, kind: str, repo_id: str, revision: str, path: str) -> None:
        oid, files = self.find_files(self.find(kind, repo_id), revision)
        headers = {"X-Repo-Commit": oid, "Access-Control-Expose-Headers": "*"}
        if path not in files:
            raise Refusal(404, f"{path} does not exist", "EntryNotFound")
        blob = files[path]
        if blob.lfs:
            headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.data))}
            self.answer(b"", 302, {**headers, "Location": f"{self.hub.storage}/content/{blob.etag}?commit={oid}"})
        else:
            self.send_content(blob.data, blob.etag, headers)

    def content(self, oid: str) -> None:
        # A client that takes another port for the same host reads the commit here, any other one at the redirect.
        self.send_content(self.hub.store[oid], oid, {"X-Repo-Commit": self.query["commit"]})

    def send_content(self, data: bytes, etag: str, headers: dict[str, str]) -> None:
        headers = {**headers, "ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            self.answer(data, 200, headers)
            return
        start, end = int(span[1]), min(int(span[2] or len(data) - 1), len(data) - 1)
        self.answer(data[start : end + 1], 206, {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"})

    # Writing

    def preupload(self, kind: str, repo_id: str, revision: str) -> None:
        _, files = self.find_files(self.find_to_write(kind, repo_id), revision)
        modes = []
        for file in json.loads(self.body)["files"]:
            mode = "lfs" if file["path"].endswith((".parquet", ".png")) else "regular"
            known = {"oid": files[file["path"]].etag} if file["path"] in files else {}
            modes.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, **known})
        self.answer({"files": modes})

    def allow_xet(self, kind: str, repo_id: str) -> None:
        self.find(kind, repo_id)
        url, expires = f"local://{self.hub.xet}", 1 << 40
        # Older clients read the headers.
        headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": "test", "X-Xet-Token-Expiration": str(expires)}
        self.answer({"casUrl": url, "accessToken": "test", "exp": expires}, headers=headers)

    def plan_uploads(self, kind: str, repo_id: str) -> None:
        self.find(kind, repo_id)
        if self.hub.xet:
            # Older clients ask; newer ones do not.
            self.answer({"transfer": "xet", "objects": []})
            return
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            entry = {"oid": oid, "size": size}
            if oid not in self.hub.store:
                href, check = f"{self.hub.storage}/lfs/{oid}", f"{self.hub.endpoint}/lfs/{oid}"
                upload = {"href": href}
                if self.hub.multipart:
                    parts = {str(part + 1): f"{href}/{part + 1}" for part in range(-(-size // PART))}
                    upload = {"href": f"{check}/complete", "header": {"chunk_size": str(PART), **parts}}
                entry["actions"] = {"upload": upload, "verify": {"href": f"{check}/verify"}}
            objects.append(entry)
        self.answer({"transfer": "multipart" if self.hub.multipart else "basic", "objects": objects})

    def receive(self, path: str) -> None:
        with self.hub.lock:
            number = next(self.hub.uploads)
        if number in self.hub.break_uploads:
            self.rfile.read(int(self.headers.get("Content-Length") or 2) // 2)
            self.drop()
            return
        data = self.read_body()
        _, _, oid, *part = path.split("/")
        if part:
            self.hub.parts.setdefault(oid, {})[int(part[0])] = data
        else:
            self.keep(oid, data)
        self.answer(b"", 200, {"ETag": f'"{hashlib.md5(data).hexdigest()}"'})

    def complete(self, oid: str) -> None:
        numbers = [part["partNumber"] for part in json.loads(self.body)["parts"]]
        self.keep(oid, b"".join(self.hub.parts[oid][number] for number in numbers))
        self.answer({})

    def keep(self, oid: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refusal(400, "the content does not fit its sum")
        self.hub.store[oid] = data

    def verify(self, oid: str) -> None:
        if len(self.hub.store.get(oid, b"")) != json.loads(self.body)["size"]:
            raise Refusal(404, "no such content")
        self.answer({})

    def commit(self, kind: str, repo_id: str, revision: str) -> None:
        repo = self.find_to_write(kind, repo_id)
        _, before = self.find_files(repo, revision)
        files, title = dict(before), ""
        for line in self.body.decode().splitlines():
            key, value = (item := json.loads(line))["key"], item["value"]
            if key == "header":
                title = value["summary"]
            elif key == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                if not self.hub.xet and value["oid"] not in self.hub.store:
                    raise Refusal(400, f"the content of {value['path']} was not uploaded")
                files[value["path"]] = Blob(self.hub.store.get(value["oid"], b""), True, value["oid"])
            elif key == "deletedFile":
                if value["path"] not in files:
                    raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
                del files[value["path"]]
            else:
                raise Refusal(400, f"unknown operation {key}")
        address, request = f"{self.hub.endpoint}/{kind}s/{repo_id}", None
        if self.query.get("create_pr") == "1":
            number = sum(ref.startswith("refs/pr/") for ref in repo.refs) + 1
            revision, request = f"refs/pr/{number}", f"{address}/discussions/{number}"
        oid = repo.commit(revision, files, title)
        if self.hub.lose_commits:
            self.hub.lose_commits -= 1
            self.drop()
            return
        self.answer(
            {"success": True, "commitOid": oid, "commitUrl": f"{address}/commit/{oid}", "pullRequestUrl": request}
        )


_REPO = r"(?P<kind>dataset|space)s/(?P<repo_id>[^/]+/[^/]+)"
_REVISION = r"(?P<revision>refs/pr/\d+|[^/]+)"
_ROUTES = (
    (("GET",), "/api/whoami-v2", _Handler.whoami),
    (("POST",), "/api/validate-yaml", _Handler.validate_card),
    (("POST",), "/api/repos/create", _Handler.create_repo),
    (("GET",), f"/api/{_REPO}(?:/revision/{_REVISION})?", _Handler.show_repo),
    (("GET",), f"/api/{_REPO}/tree/{_REVISION}(?:/(?P<path>.+))?", _Handler.list_tree),
    (("POST",), f"/api/{_REPO}/paths-info/{_REVISION}", _Handler.show_paths),
    (("POST",), f"/api/{_REPO}/preupload/{_REVISION}", _Handler.preupload),
    (("POST",), f"/api/{_REPO}/branch/(?P<branch>[^/]+)", _Handler.create_branch),
    (("POST",), f"/api/{_REPO}/commit/{_REVISION}", _Handler.commit),
    (("GET",), f"/api/{_REPO}/xet-write-token/.+", _Handler.allow_xet),
    (("POST",), f"/{_REPO}.git/info/lfs/objects/batch", _Handler.plan_uploads),
    (("POST",), "/lfs/(?P<oid>[0-9a-f]{64})/complete", _Handler.complete),
    (("POST",), "/lfs/(?P<oid>[0-9a-f]{64})/verify", _Handler.verify),
    (("GET", "HEAD"), "/content/(?P<oid>[0-9a-f]{64})", _Handler.content),
    (("GET", "HEAD"), f"/{_REPO}/resolve/{_REVISION}/(?P<path>.+)", _Handler.resolve),
)

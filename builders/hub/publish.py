"""Publishing a checked folder on the Hugging Face Hub: one repo, one commit, with retries.

Large files are uploaded first, one folder after the other, so that a repeated push after an interruption uploads only
what is missing. The commit that lists them comes last, so that nobody loads a partial update. These are the calls that
`datasets.push_to_hub` makes: they exist in all versions of huggingface_hub and for both of the Hub's storages.
`HfApi.upload_folder` would be shorter, but from version 2 on it commits a large folder in several steps, and proposes
changes to the default branch only.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.utils import get_session, hf_raise_for_status, validate_repo_id

from builders.core.checksums import SUMS, parse_checksums
from builders.core.errors import SARChatError, redact
from builders.core.resources import read_yaml
from builders.hub.checks import FileStates, require_unchanged

_LOG = logging.getLogger(__name__)
_WAITS = (1.0, 2.0, 4.0, 8.0)
_T = TypeVar("_T")
_Operation = CommitOperationAdd | CommitOperationDelete
# The common base of HTTP errors and broken connections. It belongs to the HTTP library under huggingface_hub, which
# depends on its version: requests, httpx or httpx2.
_HTTP_ERROR: Any = next(kind for kind in reversed(HfHubHTTPError.__mro__) if kind.__module__ != "builtins")
# A proxy or a failing server responds with a page instead of JSON.
_KINDS = (_HTTP_ERROR, OfflineModeIsEnabled, ConnectionError, TimeoutError, json.JSONDecodeError)
# Errors of huggingface_hub: one of these, or a RuntimeError caused by one of them. The library for the Hub's newer
# storage raises a RuntimeError without a cause.
_HUB_FAILURES = (*_KINDS, RuntimeError)
_TRANSIENT = {408, 425, 429}


@dataclass(frozen=True)
class Repo:
    """The target of a push.

    Attributes:
        repo_id: `namespace/name`, or `name` in the token's own namespace.
        repo_type: `dataset` or `space`.
        private: whether it must be private.
        revision: the branch; the default branch if `None`.
        create_pr: whether to open a pull request instead of committing.
    """

    repo_id: str
    repo_type: str
    private: bool = False
    revision: str | None = None
    create_pr: bool = False

    @property
    def url(self) -> str:
        """The URL of its page."""
        return f"{constants.ENDPOINT}/{self.repo_type}s/{self.repo_id}"


@dataclass(frozen=True)
class Publication:
    """The result of a push.

    Attributes:
        repo: the repo, with its namespace.
        url: the page of the commit or of the pull request.
        revision: the revision to load the published files from; the default branch if `None`.
        changed: whether the push changed the repo.
    """

    repo: Repo
    url: str
    revision: str | None
    changed: bool


def check_repo_id(repo_id: str) -> None:
    """Check that a repo's name is `namespace/name` or `name`.

    Raises:
        SARChatError: if it is neither, or contains characters that the Hub does not allow.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise SARChatError(f"{repo_id!r} is not a repo id, write NAMESPACE/NAME: {error}") from error


def require_token() -> str:
    """Return the token that huggingface_hub has stored or finds in `HF_TOKEN`.

    Raises:
        SARChatError: if there is none or it has invalid characters.
    """
    token = get_token()
    if token is None:
        raise SARChatError("no token for the Hub; log in with `hf auth login` or set the variable HF_TOKEN")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        # The HTTP libraries would show it in their errors.
        raise SARChatError("the token for the Hub contains an invalid character; copy it into HF_TOKEN again")
    return token


def publish(folder: Path, files: FileStates, repo: Repo) -> Publication:
    """Push a folder's files in one commit, which also deletes files of an earlier push that are no longer in it.

    Raises:
        SARChatError: if the Hub rejects the push or cannot be reached, or a file has changed since it was checked.
    """
    api = HfApi(token=require_token(), library_name="sarchat")
    try:
        if "/" not in repo.repo_id:
            repo = replace(repo, repo_id=f"{api.whoami()['name']}/{repo.repo_id}")
        _validate_card(folder / "README.md", repo)
        _prepare(api, repo)
        return _push(api, folder, files, repo)
    except _HUB_FAILURES as error:
        # A file that has changed meanwhile no longer fits the checksum that was announced.
        require_unchanged(folder, files)
        cause = _find_hub_error(error)
        reason = f"{repo.url}: the upload failed ({error}); run the same command again"
        raise SARChatError(_explain(cause, repo.url) if cause else reason) from error


def _validate_card(card: Path, repo: Repo) -> None:
    """Validate the card on the Hub before gigabytes are uploaded that the Hub would reject with it."""
    # `RepoCard.validate` of older versions uses huggingface.co even if HF_ENDPOINT is set to another Hub.
    request = {"content": card.read_text(encoding="utf-8"), "repoType": repo.repo_type}
    response = get_session().post(f"{constants.ENDPOINT}/api/validate-yaml", json=request)
    if response.status_code == 400:
        reasons = "; ".join(fault["message"] for fault in response.json()["errors"])
        raise SARChatError(f"{card}: the Hub does not accept the front matter: {reasons}")
    hf_raise_for_status(response)


def _prepare(api: HfApi, repo: Repo) -> None:
    try:
        found = api.repo_info(repo.repo_id, repo_type=repo.repo_type)
    except RepositoryNotFoundError:
        api.create_repo(
            repo.repo_id,
            repo_type=repo.repo_type,
            private=repo.private or None,
            space_sdk="gradio" if repo.repo_type == "space" else None,
            exist_ok=True,
        )
    else:
        if repo.private and not found.private:
            raise SARChatError(
                f"{repo.url}: exists and is public; make it private in its settings, or push without --private"
            )
    # A pull request opens its own branch, and the Hub creates those under refs/ itself.
    if repo.revision and not repo.create_pr and not repo.revision.startswith("refs/"):
        api.create_branch(repo.repo_id, branch=repo.revision, repo_type=repo.repo_type, exist_ok=True)


def _push(api: HfApi, folder: Path, files: FileStates, repo: Repo) -> Publication:
    before = api.repo_info(repo.repo_id, repo_type=repo.repo_type, revision=repo.revision).sha
    # Each try starts from the current state, so that what a previous try did is skipped even if its response was lost.
    if repo.create_pr:
        # A second try could open a second pull request, so only uploads are retried.
        operations = _retry(lambda: _upload(api, folder, files, repo))
        done = _commit(api, operations, repo)
    else:
        done = _retry(lambda: _commit(api, _upload(api, folder, files, repo), repo))
    revision = done.pr_revision or repo.revision
    return Publication(repo, done.pr_url or done.commit_url, revision, changed=done.oid != before)


def _upload(api: HfApi, folder: Path, files: FileStates, repo: Repo) -> list[_Operation]:
    stale = _list_stale(api, files, repo)
    additions = [CommitOperationAdd(path, str(folder / path)) for path in files]
    # Files that are uploaded together do not see each other's content, but that of earlier ones. The files of a task
    # share no image, and each task has the images of the one before it.
    for _, group in groupby(additions, lambda addition: Path(addition.path_in_repo).parent):
        api.preupload_lfs_files(
            repo.repo_id,
            list(group),
            repo_type=repo.repo_type,
            revision=repo.revision,
            create_pr=repo.create_pr,
            free_memory=False,
        )
    # A build that took the folder's place meanwhile would be published in part, and unchecked.
    require_unchanged(folder, files)
    return [*additions, *(CommitOperationDelete(path) for path in stale)]


def _commit(api: HfApi, operations: list[_Operation], repo: Repo) -> CommitInfo:
    return api.create_commit(
        repo.repo_id,
        operations,
        commit_message="Publish SARChat" if repo.repo_type == "dataset" else "Publish the SARChat metric",
        repo_type=repo.repo_type,
        revision=repo.revision,
        create_pr=repo.create_pr,
    )


def _list_stale(api: HfApi, files: Collection[str], repo: Repo) -> list[str]:
    """List files left by an earlier push: old shards would be loaded together with the new ones."""
    remote = set(api.list_repo_files(repo.repo_id, repo_type=repo.repo_type, revision=repo.revision))
    if SUMS not in remote or SUMS not in files:
        return []
    # Always downloaded: a copy in the cache may be outdated.
    sums = api.hf_hub_download(
        repo.repo_id, SUMS, repo_type=repo.repo_type, revision=repo.revision, force_download=True
    )
    try:
        listed = parse_checksums(Path(sums).read_text(encoding="utf-8"))
    except ValueError as error:
        raise SARChatError(
            f"{repo.url}: its {SUMS} cannot be read, {error}; delete it on the Hub and push again"
        ) from error
    return sorted(remote & listed.keys() - set(files))


def _retry(attempt: Callable[[], _T]) -> _T:
    for wait in _WAITS:
        try:
            return attempt()
        except _HUB_FAILURES as error:
            cause = _find_hub_error(error)
            if cause and not _is_transient(cause):
                raise
            reason = " ".join(str(cause or error).split())[:120]
            _LOG.warning("Upload broke off (%s: %s); next try in %g s", type(cause or error).__name__, reason, wait)
        time.sleep(wait)
    return attempt()


def _find_hub_error(error: BaseException | None) -> BaseException | None:
    """Return the Hub's response or the broken connection that caused an error, or `None`; uploads wrap the cause."""
    while error is not None and not isinstance(error, _KINDS):
        error = error.__cause__
    return error


def _is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed later: a broken connection, or a busy or failing server."""
    if isinstance(error, OfflineModeIsEnabled):
        return False
    status = _get_status(error)
    return status is None or status in _TRANSIENT or status >= 500


def _get_status(error: BaseException) -> int | None:
    """Return the HTTP status of the Hub's response, or `None` if there was no response."""
    # In some versions, an empty response is false: compare with None.
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


def _explain(error: BaseException, where: str) -> str:
    """Return one line that says what failed at the URL `where`, and what to do."""
    if isinstance(error, OfflineModeIsEnabled):
        return f"{where}: HF_HUB_OFFLINE keeps huggingface_hub off the network; unset it to push"
    status = _get_status(error)
    said = _quote_answer(error)
    if status is None:
        return (
            f"{where}: no connection to {constants.ENDPOINT} ({said}); "
            "run the same command again; it uploads only what is missing"
        )
    known = read_yaml("hub/refusals.yaml")
    advice = known.get(status, "the Hub failed; push again later, which uploads only what is missing")
    return f"{where}: {advice} ({status}: {said})"


def _quote_answer(error: BaseException) -> str:
    response = getattr(error, "response", None)
    headers = {} if response is None else response.headers
    said = headers.get("X-Error-Message") or getattr(error, "server_message", None)
    if not said and response is None:
        said = f"{type(error).__name__}: {error}"
    text = redact(" ".join(str(said or "no reason given").split()))
    return text if len(text) <= 200 else text[:197] + "..."

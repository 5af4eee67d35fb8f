"""Folders that are replaced in one step, so that the whole old or the whole new one is in place; temporary folders."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from filelock import FileLock, Timeout

from builders.core.errors import SARChatError
from builders.core.signals import uninterrupted
from builders.core.writing import RETIRED, leftovers, lock_of, naming_disk, temporary

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# Windows has no quotas.
_OF_FULL_DISKS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def replacing_folder(out: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield an empty folder that replaces `out` if the block succeeds.

    If the block raises, `out` stays unchanged and the new folder is removed. If the process is killed, `out` stays
    unchanged too, and the next call removes the leftovers next to it, which `builders.core.writing` recognizes. The
    folder keeps the permissions of the one that it replaces.

    Args:
        out: the final location of the folder.
        is_ours: returns whether an existing, non-empty folder may be replaced; may raise an error that says why not.

    Raises:
        SARChatError: if `out` is not a folder, may not be replaced, or is being written by another process.
    """
    out = Path(os.path.realpath(out))
    if not out.name:
        raise SARChatError(f"{out} cannot be replaced; choose another folder with --out")
    if not out.parent.is_dir():
        raise SARChatError(f"cannot create {out}: its parent folder does not exist; create it first")
    if _is_mount_point(out):
        raise SARChatError(
            f"{out} is a mount point, which cannot be replaced; choose a folder in it: --out {out / 'sarchat'}"
        )
    if _is_working_folder(out):
        raise SARChatError(
            f"{out} is the working folder or contains it, and would be replaced by another folder of that name; "
            "run the command from outside, or choose a folder in it with --out"
        )
    with holding_lock(out), ExitStack() as cleaning:
        cleaning.callback(_clean_up, out)
        _recover(out)
        _check_replaceable(out, is_ours)
        staging = temporary(out)
        staging.mkdir(0o700 if out.exists() else 0o777)
        with naming_disk(out):
            yield staging
        # Checked again: a build may take hours, and files may have been added meanwhile.
        _check_replaceable(out, is_ours)
        if out.exists():
            staging.chmod(stat.S_IMODE(out.stat().st_mode))
        _swap(staging, out)


@contextmanager
def holding_lock(out: Path) -> Iterator[None]:
    """Prevent other processes from writing a file or replacing a folder during the block.

    Args:
        out: the file or folder, which need not exist yet; the lock file is next to it.

    Raises:
        SARChatError: if another process holds the lock or the lock file cannot be created.
    """
    lock_file = lock_of(out)
    # Another process may remove its own at any moment.
    with suppress(FileNotFoundError):
        status = lock_file.lstat()
        # Ours are empty.
        if stat.S_ISLNK(status.st_mode) or status.st_size:
            raise SARChatError(f"{lock_file} is not a lock of this command, which needs this name; move it elsewhere")
    # It may be released in another thread.
    lock = FileLock(lock_file, timeout=0, thread_local=False)
    with ExitStack() as cleaning:
        try:
            with uninterrupted():
                lock.acquire()
                cleaning.callback(_release, lock, lock_file)
        except Timeout as error:
            raise SARChatError(
                f"{out} is being written by another process; wait for it, or choose another --out"
            ) from error
        except OSError as error:
            raise SARChatError(
                f"cannot write in {out.parent}: {error.strerror}; choose an --out in a folder with write permission"
            ) from error
        yield


def _release(lock: FileLock, lock_file: Path) -> None:
    with uninterrupted():
        # Removed while the lock is held, so that no one locks a file that is about to be removed. Windows cannot remove
        # an open file.
        with suppress(PermissionError):
            lock_file.unlink(missing_ok=True)
        lock.release()


def _clean_up(out: Path) -> None:
    with uninterrupted():
        _recover(out)


def _is_working_folder(folder: Path) -> bool:
    """Return whether the working folder is this one or inside it."""
    try:
        return folder == (here := Path.cwd()) or folder in here.parents
    except FileNotFoundError:
        # It does not exist any more.
        return False


def _is_mount_point(folder: Path) -> bool:
    """Return whether a folder is a mount point, bind mounts (`mount --bind`) included."""
    if os.path.ismount(folder):
        return True
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return False
    # The fifth field is the mount point, with blanks and backslashes as octal escapes (man 5 proc).
    escaped = re.sub(rb"[ \t\n\\]", lambda match: b"\\%03o" % match[0][0], os.fsencode(folder))
    return any(line.split()[4] == escaped for line in mounts)


def _recover(out: Path) -> None:
    """Restore a folder that was moved aside if nothing replaced it, and remove all other leftovers."""
    for retired in leftovers(out, RETIRED):
        if out.exists():
            shutil.rmtree(retired)
        else:
            retired.rename(out)
    for staging in leftovers(out):
        if staging.is_dir():
            shutil.rmtree(staging)


def _check_replaceable(out: Path, is_ours: Callable[[Path], bool]) -> None:
    if out.exists() and not out.is_dir():
        raise SARChatError(f"{out} is a file, not a folder; choose a folder with --out")
    if out.is_dir() and any(out.iterdir()) and not is_ours(out):
        raise SARChatError(
            f"{out} contains something other than what this command writes; choose another folder with --out"
        )


def _swap(staging: Path, out: Path) -> None:
    if not out.exists():
        staging.rename(out)
    elif not _exchange(staging, out):
        # Two steps if the system cannot exchange: `_recover` undoes the first if the second does not follow.
        out.rename(temporary(out, RETIRED))
        staging.rename(out)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step if the system can; return whether it did."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    return renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty temporary folder for the block, which is removed then.

    If the process is killed, the next one that needs such a folder removes it: nobody holds its lock any more.

    Raises:
        SARChatError: if its disk is full.
    """
    _remove_abandoned(place := Path(gettempdir()))
    folder = place / f"sarchat-{secrets.token_hex(8)}"
    # The lock comes first: what has one that nobody holds is abandoned.
    with holding_lock(folder):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        except OSError as error:
            # What is written elsewhere has its own name.
            is_here = Path(str(error.filename or folder)).is_relative_to(folder)
            if error.errno not in _OF_FULL_DISKS or not is_here:
                raise
            raise SARChatError(
                f"{error.strerror}: {place}, the folder for temporary files; free space there, or set TMPDIR to "
                "another folder"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _remove_abandoned(place: Path) -> None:
    """Remove the folders of processes that were killed, once per process and place."""
    for lock in place.glob(".sarchat-*.lock"):
        folder = lock.with_name(lock.name[1:].rsplit(".", 2)[0])
        # Other users' folders, other names and folders that are still held are left alone.
        with suppress(OSError, SARChatError):
            if lock == lock_of(folder) and lock.lstat().st_uid == getattr(os, "getuid", int)():
                with holding_lock(folder):
                    shutil.rmtree(folder, ignore_errors=True)

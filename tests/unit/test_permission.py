"""The advice names what would give the right to read, for each reason that it is missing."""

from __future__ import annotations

import errno
import sys
from dataclasses import replace
from typing import Any

import pytest

from inspector.errors import AccessDenied, Exhausted, NoSuchTarget, TargetChanged
from inspector.process.os_errors import make_process_error
from inspector.process.permission import advise_access
from tests.screen.builder import RIGHTS

REFUSED = replace(RIGHTS, readable=False)
"""A refusal that none of the facts explains."""

ROOT: dict[str, Any] = {"own_user": 0, "target_user": 0}


@pytest.mark.parametrize(
    ("facts", "phrases"),
    [
        pytest.param({"readable": True}, [""], id="allowed"),
        pytest.param({"readable": None}, [""], id="gone"),
        pytest.param({"same_user": False}, ["another user", "sudo "], id="user"),
        pytest.param({"ptrace_scope": 1}, ["ptrace_scope is 1", "sudo ", "sysctl"], id="yama-1"),
        pytest.param({"ptrace_scope": 2}, ["ptrace_scope is 2", "sudo "], id="yama-2"),
        pytest.param({"ptrace_scope": 3}, ["ptrace_scope is 3", "restarted"], id="yama-3"),
        pytest.param({"ptrace_scope": 3, **ROOT, "capable": True}, ["is 3"], id="yama-3-root"),
        pytest.param({"dumpable": False}, ["hides its memory", "sudo "], id="not-dumpable"),
        pytest.param({"capabilities_covered": False}, ["capabilities", "sudo "], id="privileged"),
        pytest.param(ROOT, ["lacks the capability", "--cap-add=SYS_PTRACE"], id="weak-root"),
        pytest.param(
            {"same_user": False, "container": "podman"},
            ["another user", "give the podman --cap-add=SYS_PTRACE"],
            id="container",
        ),
        pytest.param(
            {**ROOT, "capable": True, "same_user_namespace": False},
            ["another user namespace"],
            id="namespace",
        ),
        pytest.param({"sandboxed": True}, ["seccomp", "--cap-add=SYS_PTRACE"], id="seccomp"),
        pytest.param(
            {"security_label": "docker-default (enforce)"},
            ["'docker-default (enforce)'", "log"],
            id="security-module",
        ),
        pytest.param({}, ["sandbox"], id="unexplained"),
    ],
)
def test_the_advice_names_the_reason_and_the_cure(
    facts: dict[str, Any], phrases: list[str]
) -> None:
    line = advise_access(replace(REFUSED, **facts))
    assert "\n" not in line
    assert all(phrase in line for phrase in phrases)
    assert bool(line) == any(phrases)


def test_a_descendant_is_not_refused_by_the_scope_that_allows_descendants() -> None:
    assert "ptrace_scope" not in advise_access(replace(REFUSED, ptrace_scope=1, descendant=True))


def test_the_sudo_line_is_the_command_that_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = replace(REFUSED, same_user=False)
    monkeypatch.setattr(sys, "argv", [sys.executable, "dump", "a b"])
    assert f"sudo {sys.executable} dump 'a b'" in advise_access(refused)
    monkeypatch.setattr(sys, "argv", ["/not/executable.py", "dump"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "inspector", "dump", "12"])
    assert f"sudo {sys.executable} -m inspector dump 12" in advise_access(refused)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EPERM, AccessDenied),
        (errno.EACCES, AccessDenied),
        (errno.ESRCH, NoSuchTarget),
        (errno.ENOENT, NoSuchTarget),
        (errno.EIO, TargetChanged),
        (None, TargetChanged),
        (errno.EMFILE, Exhausted),
        (errno.ENFILE, Exhausted),
        (errno.ENOMEM, Exhausted),
    ],
)
def test_each_errno_is_one_error(code: int | None, kind: type[Exception]) -> None:
    nobody = 2**31 - 1
    failure = make_process_error(code, nobody)
    assert type(failure) is kind
    # What the reader wants for is not the process's fault.
    assert getattr(failure, "pid", None) == (None if kind is Exhausted else nobody)
    assert ("try again" in failure.hint) == (kind is TargetChanged)

"""Which helper to run: the object ``exec`` of protocol/exec.schema.json, and where it is found."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from typing import Any, Dict, Mapping, Optional, Sequence

from . import named_file
from .errors import HelperError

VARIABLE = "KFP_CREDENTIAL_EXEC"
PROGRAM = "kfp-credential"

_HINT = 'write it as {"exec": {"command": "kfp-credential", "args": ["get", "--context", "NAME"]}}'


class ExecConfig:
    """A command with its arguments and variables. The variables may be private and are never shown."""

    def __init__(
        self,
        command: str = PROGRAM,
        args: Sequence[str] = ("get",),
        env: Optional[Mapping[str, str]] = None,
        install_hint: Optional[str] = None,
        folder: str = "",
        source: str = "the program",
    ) -> None:
        self.command = command
        self.args = list(args)
        self.env = dict(env or {})
        self.install_hint = install_hint
        self.folder = folder  # what a relative command is relative to
        self.source = source  # for error messages

    def __repr__(self) -> str:
        return f"ExecConfig(command={self.command!r}, args={self.args!r}, source={self.source!r})"

    @classmethod
    def find(cls) -> ExecConfig:
        """Finds what KFP_CREDENTIAL_EXEC says, else the kfp SDK's context.json, else the default."""
        named = os.environ.get(VARIABLE, "")
        if named.startswith("{"):
            return cls.parse(named, f"the variable {VARIABLE}")
        if named:
            return cls.parse(_text(named), named, os.path.dirname(os.path.abspath(named)))
        file = os.path.join(os.path.expanduser("~"), ".config", "kfp", "context.json")
        if os.path.exists(file):
            text = _text(file)
            if _object(text, file).get("exec") is not None:
                return cls.parse(text, file, os.path.dirname(file))
        return cls(source="the default")

    @classmethod
    def parse(cls, text: str, source: str, folder: str = "") -> ExecConfig:
        """Reads a JSON object with the key ``exec``; ``source`` is what an error names."""
        config = _object(text, source).get("exec")
        if not isinstance(config, dict):
            raise _invalid(source, "exec", "must be an object")
        command = config.get("command")
        if not _is_text(command) or not command:
            raise _invalid(source, "exec.command", "must be a string, and not an empty one")
        args = _optional(config, "args", [])
        if not isinstance(args, list) or not all(_is_text(arg) for arg in args):
            raise _invalid(source, "exec.args", "must be an array of strings")
        hint = config.get("installHint")
        if hint is not None and not _is_text(hint):
            raise _invalid(source, "exec.installHint", "must be a string")
        return cls(command, args, _variables(_optional(config, "env", []), source), hint, folder, source)

    def program(self) -> str:
        """Returns the path of the command, or raises ``helper-missing``."""
        if "/" in self.command or os.path.dirname(self.command):
            found = shutil.which(os.path.join(self.folder or os.curdir, self.command))
        else:
            found = shutil.which(self.command, path=self.env.get("PATH"))
            if found is None and self.command == PROGRAM:
                found = _beside_this_package()
        if found is None:
            raise self.missing("was not found, or cannot be executed")
        return found

    def missing(self, why: str) -> HelperError:
        """Is the error for a command that does not run."""
        hint = self.install_hint or f"install kfp-credential: pip install {PROGRAM}"
        message = f"the helper {self.command!r} {why} (exec configuration: {self.source})"
        return HelperError("helper-missing", f"{message}\n  hint: {hint}", hint)


def _beside_this_package() -> Optional[str]:
    """Finds the program where pip puts it: a notebook's kernel often lacks that folder in PATH."""
    preferred = getattr(sysconfig, "get_preferred_scheme", lambda _: f"{os.name}_user")  # Python 3.10
    parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", preferred("user")),
        os.path.join(parent, "bin"),  # pip install --target
    ]
    return shutil.which(PROGRAM, path=os.pathsep.join(filter(None, folders)))


def _text(file: str) -> str:
    try:
        return named_file.read(file).decode("utf-8")
    except (OSError, ValueError) as error:
        raise HelperError("exec-config-invalid", f"{file} cannot be read: {error}", _HINT) from None


def _object(text: str, source: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HelperError("exec-config-invalid", f"{source} is not one JSON object", _HINT)
    return found


def _optional(config: Mapping[str, Any], key: str, default: Any) -> Any:
    value = config.get(key)  # kubectl writes `env: null`
    return default if value is None else value


def _variables(env: Any, source: str) -> Mapping[str, str]:
    if not isinstance(env, list):
        raise _invalid(source, "exec.env", "must be an array of {name, value}")
    variables: Dict[str, str] = {}
    for entry in env:
        name, value = (entry.get("name"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        if not _is_text(name) or not name or "=" in name or not _is_text(value):
            raise _invalid(source, "exec.env", "must hold objects {name, value} of strings, with a name")
        variables[str(name)] = str(value)
    return variables


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _invalid(source: str, key: str, rule: str) -> HelperError:
    return HelperError("exec-config-invalid", f"{source}: {key} {rule}", _HINT)

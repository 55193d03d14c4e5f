#!/usr/bin/env python3
"""Renames every field of the contract, one at a time and in one place at a time, and expects a red test for each.

    python3 .ci/rename_fields.py            schemas, errors.json, READMEs and vectors: some minutes
    python3 .ci/rename_fields.py --fast     the same without vectors: within a minute
    python3 .ci/rename_fields.py --rust     the Rust types: one build for each field, half an hour

The tests read the contract at run time from where KFP_CREDENTIAL_CONTRACT_ROOT points, so all but the Rust types are
tried on a copy, with the test binaries as they are. The checkout itself is never changed. The Rust types are renamed in
a copy of the whole package, which is built in ~/.cache/kfp-credential-rename (or --work).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RENAMED = "-renamed"
# The tests that may notice: the test program, and names of tests in it (all).
CHECKS = {
    "contract": ("repository", ["contract::"]),
    "errors": ("offline", ["every_slug_has_a_vector", "the_table_of_errors"]),
    "formats": ("offline", ["vectors::contract::"]),
    "vectors": ("vectors", ["--skip", "clients/"]),
    "configs": ("vectors", ["configs/"]),
    "documents": ("vectors", ["documents/"]),
    "exec": ("vectors", ["exec/"]),
    "run": ("vectors", ["runs/"]),
    "client": ("vectors", ["clients/"]),
}
# Whose keys are names, not fields; and what holds fields of others: claims, exec infos, what servers answer.
NAMES = {"headers", "env", "environment", "files", "form", "exitCodes"}
FOREIGN = {"tokens", "exec_info", "json"}
KFP_CONTEXT = ".config/kfp/context.json"
# Rust types whose fields are part of the contract.
TYPES = {
    "src/protocol/document.rs": ["ConnectionView", "Document", "Spec", "Status", "Kfp"],
    "src/credential.rs": ["Cookie"],
    "src/error.rs": ["ErrorRow"],
    "src/config/file.rs": ["Config", "ContextEntry"],
    "src/config/method/dex.rs": ["DexBlock"],
    "src/config/method/iap.rs": ["IapBlock"],
    "src/config/method/gcp.rs": ["GcpBlock"],
    "src/config/method/google.rs": ["ServiceAccountBlock"],
    "src/config/method/token_file.rs": ["TokenFileBlock"],
    "src/config/method/oidc/written.rs": ["OidcBlock"],
}
# Rust code that writes fields without a type.
WRITTEN = {"src/cli/config/exec.rs": ["exec", "command", "args", "installHint"]}


class Renaming:
    """One field in one file: its place in words, the file's new text, and the tests that should notice."""

    def __init__(self, kind, file, field, text, checks):
        self.kind, self.file, self.field, self.text, self.checks = kind, file, field, text, checks


# ------------------------------------------------------------- where fields are


def paths(value, unknown=(), path=()):
    """Yields the path of every field of a JSON value, but of those that are there to be ignored."""
    if isinstance(value, dict):
        for name, child in value.items():
            # Of the kfp SDK's file, one key is the contract's.
            if name in unknown or (path[-1:] == (KFP_CONTEXT,) and name != "exec"):
                continue
            if not (path and path[-1] in NAMES):
                yield (*path, name)
            if name not in FOREIGN:
                yield from paths(child, unknown, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from paths(child, unknown, (*path, index))


def renamed(value, path):
    """Returns the value with the field at this path under another name, in the same order."""
    first, rest = path[0], path[1:]
    if isinstance(value, list):
        return [renamed(child, rest) if index == first else child for index, child in enumerate(value)]
    if rest:
        return {name: renamed(child, rest) if name == first else child for name, child in value.items()}
    return {name + RENAMED if name == first else name: child for name, child in value.items()}


def shown(path):
    """Writes a path for people, all items of a list alike."""
    return ".".join("[]" if isinstance(step, int) else step for step in path)


def of_schema(file, checks):
    """Takes what `properties` names, wherever they stand."""
    schema = json.loads((ROOT / file).read_text())
    for path in properties(schema):
        changed = renamed(schema, path)
        owner = changed
        for step in path[:-2]:
            owner = owner[step]
        owner["required"] = [name + RENAMED if name == path[-1] else name for name in owner.get("required", [])]
        steps = [step for step in path if step not in ("properties", "$defs", "items")]
        yield Renaming("schema", file, shown(steps), json.dumps(changed), checks)


def properties(schema, path=()):
    children = enumerate(schema) if isinstance(schema, list) else schema.items()
    for step, child in children:
        if path and path[-1] == "properties":
            yield (*path, step)
        if isinstance(child, (dict, list)):
            yield from properties(child, (*path, step))


def of_errors(file):
    table = json.loads((ROOT / file).read_text())
    seen = set()
    for path in paths(table):
        if shown(path) not in seen:
            seen.add(shown(path))
            yield Renaming("errors", file, shown(path), json.dumps(renamed(table, path)), ["errors"])
    for row in table["errors"] + table["clientErrors"]:
        text = json.dumps(table).replace(f'"slug": "{row["slug"]}"', f'"slug": "{row["slug"]}{RENAMED}"')
        yield Renaming("slug", file, row["slug"], text, ["errors", "contract"])


def of_readme(file):
    text = (ROOT / file).read_text()
    for block in re.finditer(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        value = json.loads(block[1])
        for path in paths(value):
            new = text[: block.start(1)] + json.dumps(renamed(value, path), indent=2) + "\n" + text[block.end(1):]
            yield Renaming("README json", file, shown(path), new, ["contract"])
    for block in re.finditer(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if block[1].startswith("apiVersion: kfp-credential/"):
            for key, new in of_yaml(text, block.start(1), block.end(1)):
                yield Renaming("README yaml", file, key, new, ["contract"])
    for heading in ("## Finding the helper", "## The document"):
        start = text.find(heading)
        section = text[start: text.find("\n## ", start + 1)] if start >= 0 else ""
        for cell in re.finditer(r"^\| (`.*?) \|", section, re.MULTILINE):
            for name in re.finditer(r"`([\w.]+)`", cell[1]):
                end = start + cell.start(1) + name.end(1)
                yield Renaming("README table", file, name[1], text[:end] + RENAMED + text[end:], ["contract"])


def of_yaml(text, start, end):
    """Yields every key of a YAML text with the text in which that one is renamed. Comments have none."""
    for key in re.finditer(r"(?:^[ ]*(?:- )?|[{,] *)([a-z][\w-]*):(?=\s|$)", text[start:end], re.MULTILINE):
        line = text.rfind("\n", 0, start + key.start(1)) + 1
        if text[line] != "#":
            place = start + key.end(1)
            yield key[1], text[:place] + RENAMED + text[place:]


def of_configs(everywhere):
    """Takes each key in the first configuration that has it, or in all of them."""
    seen = set()
    for path in sorted((ROOT / "protocol/vectors/configs").rglob("*.yaml")):
        text, folder = path.read_text(), path.parent.name
        for key, new in of_yaml(text, 0, len(text)):
            if everywhere or (folder, key) not in seen:
                seen.add((folder, key))
                yield Renaming(f"configs/{folder}", str(path.relative_to(ROOT)), key, new, ["configs"])


def of_vectors(folder, checks, everywhere):
    """Takes each field in the first vector that has it, or in all of them."""
    seen = set()
    for path in sorted((ROOT / "protocol/vectors" / folder).rglob("*.json")):
        value = json.loads(path.read_text())
        for field in paths(value, value.get("unknown", ()) if isinstance(value, dict) else ()):
            if everywhere or shown(field) not in seen:
                seen.add(shown(field))
                text = json.dumps(renamed(value, field))
                yield Renaming(folder, str(path.relative_to(ROOT)), shown(field), text, checks)


def of_rust():
    for file, types in TYPES.items():
        text = (ROOT / file).read_text()
        for name in types:
            struct = re.search(rf"^(?:pub )?struct {name}\b.*?^}}", text, re.MULTILINE | re.DOTALL)
            for field in re.finditer(r"^    (?:pub )?(?:r#)?(\w+): ", struct[0], re.MULTILINE):
                place = struct.start() + field.start()
                before = text[:place].rstrip()
                # A field that has a name of its own already gets another one.
                own = re.search(r'#\[serde\(rename = "\w+"\)\]$', before)
                before = text[: own.start()] if own else text[:place]
                new = f'{before}    #[serde(rename = "{field[1]}{RENAMED}")]\n{text[place:]}'
                yield Renaming("Rust", file, f"{name}.{field[1]}", new, ["contract", "vectors"])
    for file, names in WRITTEN.items():
        text = (ROOT / file).read_text()
        for name in names:
            place = text.index(f'"{name}": ') + 1 + len(name)
            yield Renaming("Rust", file, name, text[:place] + RENAMED + text[place:], ["contract"])


# ------------------------------------------------------------- trying


def built(package, target=None):
    """Builds the tests of a package and returns their programs by name."""
    names = sorted({program for program, _ in CHECKS.values()})
    command = ["cargo", "test", "--no-run", "--locked", "--message-format=json", "--quiet"]
    command += [argument for name in names for argument in ("--test", name)]
    done = subprocess.run(command, cwd=package, env=environment(CARGO_TARGET_DIR=target), stdout=subprocess.PIPE,
                          check=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {message["target"]["name"]: message["executable"] for message in messages if message.get("executable")}


def environment(**more):
    return {**os.environ, **{name: str(value) for name, value in more.items() if value}, "RUST_BACKTRACE": "0"}


def is_red(programs, check, root, file=None):
    """Runs one of the checks over a copy of the contract, as far as its first red test."""
    scratch = root / "tmp"
    scratch.mkdir(exist_ok=True)
    variables = environment(KFP_CREDENTIAL_CONTRACT_ROOT=root, TMPDIR=scratch)
    program, filters = CHECKS[check]
    if file and "/vectors/" in file and "/parts/" not in file and program == "vectors":
        # Of the vectors the one that was changed: its test has the file's name.
        filters = ["--exact", str(pathlib.Path(file).relative_to("protocol/vectors").with_suffix(""))]
    with subprocess.Popen([programs[program], *filters], cwd=ROOT, env=variables, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as tests:
        for line in tests.stdout:
            if line.startswith("test ") and line.rstrip().endswith("FAILED"):
                tests.kill()
                return True
    return tests.returncode != 0


def copied(folder):
    copy = pathlib.Path(folder)
    shutil.copytree(ROOT / "protocol", copy / "protocol", ignore=shutil.ignore_patterns("clients/*/*"))
    shutil.copy(ROOT / "README.md", copy)
    return copy


def try_all(renamings, programs, workers):
    """Tries every renaming on a copy for each worker; returns those that nothing noticed."""
    own = threading.local()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rename-fields-"))

    def noticed(renaming):
        if not hasattr(own, "copy"):
            own.copy = copied(folder / str(threading.get_ident()))
        file = own.copy / renaming.file
        before = file.read_text()
        file.write_text(renaming.text)
        try:
            return any(is_red(programs, check, own.copy, renaming.file) for check in renaming.checks)
        finally:
            file.write_text(before)

    try:
        unchanged = copied(folder / "unchanged")
        for check in sorted({check for renaming in renamings for check in renaming.checks}):
            if is_red(programs, check, unchanged):
                sys.exit(f"{check} is red before anything is renamed")
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(zip(renamings, pool.map(noticed, renamings)))
    finally:
        # What a killed test had started may be writing still.
        shutil.rmtree(folder, ignore_errors=True)


def try_rust(renamings, work):
    """Builds the program anew for every field, in a copy of the package."""
    package, target = work / "package", work / "target"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT, package, ignore=shutil.ignore_patterns("target", ".git", "node_modules", "__pycache__"))
    programs = built(package, target)
    if is_red(programs, "contract", package) or is_red(programs, "vectors", package):
        sys.exit("red before anything is renamed")
    results = []
    for renaming in renamings:
        file = package / renaming.file
        before = file.read_text()
        file.write_text(renaming.text)
        command = ["cargo", "build", "--quiet", "--locked", "--bin", "kfp-credential"]
        subprocess.run(command, cwd=package, env=environment(CARGO_TARGET_DIR=target), check=True)
        results.append((renaming, any(is_red(programs, check, package) for check in renaming.checks)))
        file.write_text(before)
        print(f"{renaming.field}: {'red' if results[-1][1] else 'NOT NOTICED'}", flush=True)
    return results


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--fast", action="store_true", help="leave the vectors out")
    options.add_argument("--rust", action="store_true", help="rename the Rust types only")
    options.add_argument("--all", action="store_true", help="rename a field in every vector that has it")
    options.add_argument("--only", default="", help="what the kind or the file must hold")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    options.add_argument("--work", type=pathlib.Path, default=cache / "kfp-credential-rename")
    chosen = options.parse_args()

    started = time.monotonic()
    if chosen.rust:
        renamings = list(of_rust())
    else:
        renamings = [
            *of_schema("protocol/document.schema.json", ["contract", "formats", "documents"]),
            *of_schema("protocol/exec.schema.json", ["contract", "formats", "exec"]),
            *of_schema("protocol/config.schema.json", ["contract", "configs"]),
            *of_errors("protocol/errors.json"),
            *of_readme("README.md"),
            *of_readme("protocol/README.md"),
        ]
        if not chosen.fast:
            renamings += [*of_configs(chosen.all), *of_vectors("runs", ["run"], chosen.all)]
            # Another flaw in what is invalid anyway is none.
            renamings += of_vectors("documents/valid", ["formats", "documents"], chosen.all)
            renamings += of_vectors("exec/valid", ["formats", "exec"], chosen.all)
            renamings += of_vectors("clients", ["formats", "client"], chosen.all)
            renamings += of_vectors("bases", ["formats"], chosen.all)
    renamings = [one for one in renamings if chosen.only in f"{one.kind} {one.file}"]
    results = try_rust(renamings, chosen.work) if chosen.rust else try_all(renamings, built(ROOT), os.cpu_count())

    table = {}
    for renaming, is_noticed in results:
        row = table.setdefault((renaming.kind, renaming.file if renaming.kind == "schema" else ""), [0, 0])
        row[0] += 1
        row[1] += is_noticed
    print(f"\n{'place':<48}{'renamed':>8}{'noticed':>8}")
    for (kind, file), (count, noticed) in table.items():
        print(f"{kind + ' ' + file:<48}{count:>8}{noticed:>8}")
    missed = [renaming for renaming, is_noticed in results if not is_noticed]
    print(f"{'total':<48}{len(results):>8}{len(results) - len(missed):>8}   {time.monotonic() - started:.0f} s")
    for renaming in missed:
        print(f"NOT NOTICED: {renaming.kind}: {renaming.field} in {renaming.file}")
    sys.exit(1 if missed or not results else 0)


if __name__ == "__main__":
    main()

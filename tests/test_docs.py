"""What the documents say is what the commands do: verbs, options, make targets, files, the crontab line."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import gongkai

ROOT = Path(gongkai.__file__).parent
READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = (*READMES, "docs/operating.md", "docs/exports.md", "docs/scale.md", "docs/portals.md", "docs/publishing.md")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(group: click.Group, path: str = "gongkai") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(gongkai.main))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_verb_and_option_is_documented_and_has_help(path: str) -> None:
    command = COMMANDS[path]
    documents = "\n".join(text(name) for name in DOCUMENTS)
    assert path in documents
    assert command.help and "Exit codes" in command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert any(f"{name}" in documents for name in option.opts), f"{path} {option.opts}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_shown_exists(name: str) -> None:
    shown = re.findall(r"(?:^ {4}|`|bin/)gongkai((?: [a-z]+)+)((?: --?[a-z]+)*)", text(name), re.MULTILINE)
    assert shown or name == "docs/operating.md"
    for verbs, _ in shown:
        words = verbs.split()
        assert words[0] in gongkai.main.commands, verbs
        if isinstance(group := gongkai.main.commands[words[0]], click.Group):
            assert words[1] in group.commands, verbs
    options = {flag for command in COMMANDS.values() for option in command.params for flag in option.opts}
    for line in re.findall(r"gongkai [a-z].*", text(name)):
        for flag in re.findall(r"(?<![\w-])--[a-z-]+", line):
            assert flag in options | {"--help"}, line


def test_both_readmes_show_the_same_commands() -> None:
    blocks = [re.findall(r"```(\w+)\n(.*?)```", text(name), re.DOTALL) for name in READMES]
    assert [kind for kind, _ in blocks[0]] == [kind for kind, _ in blocks[1]]
    indented = [
        [line.split("#")[0].strip() for line in text(name).splitlines() if line[:4] == "    "] for name in READMES
    ]
    assert indented[0] == indented[1] and len(indented[0]) > 10
    crontabs = [dict(block)["crontab"] for block in blocks]
    assert crontabs[0] == crontabs[1]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_files_named_are_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text(name)):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target
    for target in re.findall(r"^\| `([\w/.]+)` \|", text(name), re.MULTILINE):
        assert (ROOT / target).exists(), target


def test_make_targets_shown_exist() -> None:
    makefile = text("Makefile")
    for name in READMES:
        for target in re.findall(r"\bmake ([a-z]+)", text(name)):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def crontab_line() -> str:
    (block,) = re.findall(r"```crontab\n(.*?)\n```", text("README.md"), re.DOTALL)
    assert "\n" not in block and "%" not in block
    return str(block)


def test_the_crontab_line_has_five_fields_and_a_command() -> None:
    *fields, command = crontab_line().split(maxsplit=5)
    assert len(fields) == 5 and all(re.fullmatch(r"[\d*/,-]+", field) for field in fields)
    assert command.startswith("cd /path/to/gongkai && GONGKAI_CONTACT=")


@pytest.mark.parametrize("code", [0, 3])
def test_the_crontab_line_runs_as_cron_runs_it(tmp_path: Path, code: int) -> None:
    """With a stand-in for the program: the folder, the contact, the log, the mail and the exit code of the line."""
    program = tmp_path / ".venv" / "bin" / "gongkai"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "verb $1, contact $GONGKAI_CONTACT, home $HOME"\nexit {code}\n')
    program.chmod(0o755)
    command = crontab_line().split(maxsplit=5)[5].replace("/path/to/gongkai", str(tmp_path))
    done = subprocess.run(["/usr/bin/env", "-i", "/bin/sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.returncode == code and done.stderr == ""
    assert done.stdout == ("" if code == 0 else f"gongkai crawl: exit {code}, see crawl.log\n")
    assert (tmp_path / "crawl.log").read_text() == "verb crawl, contact you@example.org, home \n"


def test_every_exit_code_of_the_contract_is_explained() -> None:
    for code in (5, 4, 3, 2, 1, 0):
        assert re.search(rf"^\| {code} \| \S", text("docs/operating.md"), re.MULTILINE), code

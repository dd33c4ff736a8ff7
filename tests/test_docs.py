"""What the documents say is what the commands do: verbs, options, make targets, files, the crontab line."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import gongkai
from archive.store import Store
from crawler.replica.hanweb_jcms import CHALLENGE, COLUMN_PATH, HanwebJcmsSite

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


def checkout(folder: Path) -> Path:
    """The program's files as a checkout of their own, without the shipped portals: the real program, a new archive."""
    for name in ("archive", "crawler", "parsers"):
        ignored = shutil.ignore_patterns("__pycache__", "*.db*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("gongkai.py", "scrapy.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for shipped in (folder / "crawler" / "portals").glob("*.toml"):
        shipped.unlink()
    program = folder / ".venv" / "bin" / "gongkai"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {folder}/gongkai.py "$@"\n')
    program.chmod(0o755)
    return folder


def test_the_very_crontab_line_runs_as_cron_runs_it(tmp_path: Path) -> None:
    """The real program, the default archive, nothing in the environment but what a crontab can set above its line."""
    folder = checkout(tmp_path / "gongkai")
    command = crontab_line().split(maxsplit=5)[5].replace("/path/to/gongkai", str(folder))
    with HanwebJcmsSite(years=(2022,)) as site:
        assert isinstance(site, HanwebJcmsSite)
        site.lines[:] = [line for line in site.lines[:-1] if not line.path.endswith(("_99002.html", "_99003.html"))]
        portals = tmp_path / "mine.toml"
        portals.write_text(
            f'[mine]\nname = "衢州市衢江区人民政府"\nregion = "330803"\nfamily = "hanweb-jcms"\n'
            f'url = "{site.url}{COLUMN_PATH}"\n'
        )
        crontab = ["HOME=/", f"GONGKAI_PORTALS={portals}", "GONGKAI_LOOPBACK_DELAY=0"]

        def cron() -> tuple[int, str, str]:
            """The exit code, what cron would mail, and the last line of the log."""
            done = subprocess.run(
                ["/usr/bin/env", "-i", *crontab, "/bin/sh", "-c", command], cwd="/", stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            log = (folder / "crawl.log").read_text().splitlines()
            return done.returncode, done.stdout + done.stderr, log[-1] if log else ""

        code, mailed, said = cron()
        assert (code, mailed) == (0, ""), said
        assert "finished" in said and f"captured {len(site.made) + 1}" in said
        database = folder / "archive" / "gongkai.db"
        with Store.open(database, write=False) as store:
            assert store.conn.execute("SELECT count(*) FROM report").fetchone() == (len(site.made) + 1,)
            (agent,) = {line.query.headers["user-agent"] for line in site.log}
            assert "you@example.org" in agent
        with Store.open(database):
            code, mailed, said = cron()
        assert (code, mailed) == (4, "gongkai crawl: exit 4, see crawl.log\n")
        assert "is being written by another run" in said
        site.faults.append(lambda query: None if query.path == "/robots.txt" else CHALLENGE)
        code, mailed, said = cron()
        assert (code, mailed) == (3, "gongkai crawl: exit 3, see crawl.log\n")
        assert said == "gongkai: mine: the list is behind a challenge"


def unit(name: str) -> str:
    (block,) = re.findall(rf"```systemd {name}\n(.*?)\n```", text("docs/operating.md"), re.DOTALL)
    return str(block)


def test_the_systemd_units_do_what_the_crontab_line_does() -> None:
    units = {}
    for name in ("gongkai.service", "gongkai.timer"):
        units[name] = configparser.ConfigParser(interpolation=None)
        units[name].optionxform = str  # type: ignore[assignment,method-assign]
        units[name].read_string(unit(name))
    service, timer = units["gongkai.service"]["Service"], units["gongkai.timer"]["Timer"]
    minute, hour, *_, command = crontab_line().split(maxsplit=5)
    assert timer["OnCalendar"] == f"*-*-* {int(hour):02}:{int(minute):02}:00"
    assert f"cd {service['WorkingDirectory']} && {service['Environment']} " in command
    assert service["ExecStart"].removeprefix(service["WorkingDirectory"] + "/") in command


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / ".venv" / "bin" / "gongkai"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("gongkai.service", "gongkai.timer"):
        (tmp_path / name).write_text(unit(name).replace("/path/to/gongkai", str(tmp_path)) + "\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.glob("gongkai.*"))], capture_output=True, text=True
    )
    assert done.returncode == 0 and "gongkai" not in done.stderr, done.stderr


def logrotate_file() -> str:
    (block,) = re.findall(r"```logrotate\n(.*?)\n```", text("docs/operating.md"), re.DOTALL)
    return str(block)


def test_the_logrotate_file_names_the_log_of_the_line() -> None:
    block = logrotate_file()
    assert block.splitlines()[0] == "/path/to/gongkai/crawl.log {" and ">>crawl.log" in crontab_line()


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not on this machine")
def test_logrotate_takes_the_file(tmp_path: Path) -> None:
    (tmp_path / "crawl.log").write_text("a line\n")
    (tmp_path / "rotate").write_text(logrotate_file().replace("/path/to/gongkai", str(tmp_path)) + "\n")
    command = ["logrotate", "-f", "-s", str(tmp_path / "state"), str(tmp_path / "rotate")]
    subprocess.run(command, check=True, capture_output=True)
    assert not (tmp_path / "crawl.log").exists() and list(tmp_path.glob("crawl.log.1*"))


def test_every_exit_code_of_the_contract_is_explained() -> None:
    for code in (5, 4, 3, 2, 1, 0):
        assert re.search(rf"^\| {code} \| \S", text("docs/operating.md"), re.MULTILINE), code

"""test_docs.py: docs/CLI.md names every command with its arguments and options, and no others; completion knows the same."""

import pathlib
import re
import subprocess

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "CLI.md").read_text()
OWN = {"serve", "keys", "version", "help"}  # of the server


def commands(sluice):
    """Every command's words, as help lists them."""
    for line in sluice("help").stdout.decode().splitlines():
        if not line.startswith("  sluice ") or line.split()[1] in OWN:
            continue
        first = line.split()[1]
        members = [x.split()[2] for x in sluice(first, "--help").stdout.decode().splitlines() if x.startswith(f"  sluice {first} ")]
        is_group = sluice(first, "--help").stdout.startswith(b"  sluice ")
        yield from ((first, m) for m in members) if is_group else ((first,),)


def usage_of(text):
    return re.match(r"(sluice .*?)(?: \[options\])?: ", text).group(1)


def test_the_page_has_every_command_and_option(sluice):
    known = set()
    for words in commands(sluice):
        text = sluice(*words, "--help").stdout.decode()
        usage = usage_of(text).replace("|", "\\|")
        known.add(usage)
        row = next((line for line in TEXT.splitlines() if line.startswith(f"| `{usage}` |")), None)
        assert row, usage
        options = re.findall(r"^  (--\S+)", text.split("\nWhere and who")[0], re.M)
        assert re.findall(r"`(--\S+)`", row) == options, usage
    assert known == set(re.findall(r"^\| `(sluice .*?)` \|", TEXT, re.M))
    assert len(known) > 25


def test_the_page_has_the_common_options(sluice):
    for option in re.findall(r"^  (--\S+)", sluice("put", "--help").stdout.decode().split("Where and who:")[1], re.M):
        assert re.search(rf"^\| `{option}[` ]", TEXT, re.M), option


def complete(sluice, *words):
    script = sluice("completion", "bash").stdout.decode()
    script += f'COMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; _sluice; printf "%s\\n" "${{COMPREPLY[@]}}"\n'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_bash_completes(sluice):
    assert complete(sluice, "sluice", "st") == ["stream"]
    assert complete(sluice, "sluice", "stream", "cr") == ["create"]
    assert complete(sluice, "sluice", "stream", "create", "x", "--sh") == ["--shards"]
    assert complete(sluice, "sluice", "put", "x", "--key-") == ["--key-jq", "--key-fixed"]
    assert "--local" in complete(sluice, "sluice", "delivery", "list", "--")


def test_other_shells(sluice):
    assert sluice("completion", "zsh").stdout.startswith(b"autoload -U +X bashcompinit")
    assert b"complete -c sluice" in sluice("completion", "fish").stdout
    sluice("completion", "tcsh", code=2)

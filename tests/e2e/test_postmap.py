"""postmap(1) and postalias(1): what they build, ask and list."""
import subprocess

import pytest

SOURCE = """# comment
 indented x
a b
A c
key
"quoted key" val ue
  continued
"open x
foo: bar
"""
WARNINGS = """postmap: warning: table: logical line must not start with whitespace: " indented x"
postmap: warning: table.db: duplicate entry: "a"
postmap: warning: table, line 5: expected format: key whitespace value
postmap: warning: table, line 8: unbalanced '"' in '"open x' -- ignoring this line
postmap: warning: table, line 9: record is in "key: value" format; is this an alias file?
"""


@pytest.fixture
def postmap(start_mta, tmp_path):
    mta = start_mta(start=False)

    def run(*args, stdin="", program="postmap"):
        return subprocess.run([mta.command(program), "-c", str(mta.etc), *args], input=stdin, text=True,
                              capture_output=True, cwd=tmp_path, timeout=30, check=False)

    run.folder = tmp_path
    return run


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_bad_lines_are_named_and_good_ones_found(postmap, kind):
    (postmap.folder / "table").write_text(SOURCE)
    built = postmap(f"{kind}:table")
    assert (built.returncode, built.stderr) == (0, WARNINGS)
    assert postmap("-q", "A", f"{kind}:table").stdout == "b\n"
    assert postmap("-q", '"quoted key"', f"{kind}:table").stdout == "val ue  continued\n"
    assert postmap("-q", "none", f"{kind}:table").returncode == 1
    listed = postmap("-s", f"{kind}:table").stdout
    assert sorted(listed.splitlines()) == ['"quoted key"\tval ue  continued', "a\tb", "foo:\tbar"]


def test_entries_are_added_replaced_and_deleted(postmap):
    (postmap.folder / "table").write_text("a 1\n")
    assert postmap("hash:table").returncode == 0
    assert postmap("-i", "hash:table", stdin="b 2\na 3\n").stderr == \
        'postmap: warning: table.db: duplicate entry: "a"\n'
    assert postmap("-ir", "hash:table", stdin="b 4\n").stderr == ""
    assert postmap("-q", "-", "hash:table", stdin="a\nb\nc\n").stdout == "a\t1\nb\t4\n"
    assert postmap("-d", "a", "hash:table").returncode == 0
    assert postmap("-d", "a", "hash:table").returncode == 1
    assert postmap("-s", "-j", "hash:table").stdout == '{"b": "4"}\n'


def test_aliases_are_stored_in_standard_form(postmap):
    (postmap.folder / "aliases").write_text('root: jdoe\na: b,\n  "|prog arg"\nbad\n')
    built = postmap("hash:aliases", program="postalias")
    assert built.stderr == "postalias: warning: aliases, line 4: need name:value pair\n"
    listed = postmap("-s", "hash:aliases", program="postalias").stdout.splitlines()
    assert 'a:\tb, "|prog arg"' in listed and "root:\tjdoe" in listed and "@:\t@" in listed


def test_failures_say_why(postmap, start_mta):
    start_mta.expect_in_log(r"postfix/postmap\[\d+\]: fatal: ")
    missing = postmap("-q", "x", "hash:none")
    assert missing.returncode == 1
    assert missing.stderr == "postmap: fatal: open database none.db: No such file or directory\n"
    assert postmap("-q", "x", "foo:none").stderr == \
        "postmap: fatal: unsupported dictionary type: foo\n"

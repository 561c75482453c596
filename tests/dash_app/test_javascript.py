"""The browser's scripts: their pure functions are tested in Node, by `tests/javascript`."""

import shutil
import subprocess

import pytest

from tests import ROOT

NODE = shutil.which("node")
TESTS = sorted((ROOT / "tests" / "javascript").glob("*.test.js"))


def test_every_script_has_tests():
    scripts = {path.stem for path in (ROOT / "dash_app" / "assets").glob("*.js")}
    assert {path.name.removesuffix(".test.js") for path in TESTS} == scripts


@pytest.mark.skipif(
    NODE is None, reason="Node is not installed (Debian: apt install nodejs); tests of the scripts need it"
)
@pytest.mark.slow
def test_the_scripts_tests_pass_in_node():
    result = subprocess.run([NODE, "--test", *map(str, TESTS)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr

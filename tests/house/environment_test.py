"""ctest hides the developer's settings from every test: cmake/TestEnvironment.cmake, wherever the build includes it."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD, SCRIPT, CTEST = map(pathlib.Path, sys.argv[1:4])


class Environment(unittest.TestCase):
    def test_the_build_includes_the_script(self):
        self.assertIn(f'include("{SCRIPT}")', (BUILD / "CTestTestfile.cmake").read_text())

    def test_no_test_sees_settings(self):
        settings = {"PEMBA_HTTP_ADDR": "nonsense", "PEMBA_UNKNOWN": "two\nlines; and more", "OPENFGA_LOG_LEVEL": "none",
                    "FGA_STORE_ID": "x", "PEMBA_EMPTY": ""}
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "CTestTestfile.cmake").write_text(
                f'include("{SCRIPT}")\nadd_test(variables env)\n')
            shown = subprocess.run([CTEST, "-V"], cwd=directory, env={**os.environ, **settings, "TEST_SEED": "7"},
                                   capture_output=True, text=True, check=True).stdout
        self.assertIn("TEST_SEED=7", shown)
        for name in settings:
            self.assertNotIn(name + "=", shown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

#!/usr/bin/env python3
# labels: clients
# timeout: 60
"""sim/pcscd.sh: the way to a private pcscd, and what it does where namespaces are forbidden."""
import os

import harness

SCRIPT = harness.ROOT / "sim/pcscd.sh"


class Run(harness.Case):
    def test_exit_code_of_the_command_is_its_own(self):
        harness.run([SCRIPT, "run", "--", "sh", "-c", "exit 7"], code=7)
        harness.run([SCRIPT, "run", "--", "true"], code=0)

    def test_reader_has_the_name_asked_for(self):
        out = harness.run([SCRIPT, "run", "--reader", "Yubico Something", "--", "opensc-tool", "-l"]).out
        self.assertIn("Yubico Something 00 00", out)

    def test_readers_come_in_pairs(self):
        out = harness.run([SCRIPT, "run", "--pairs", "3", "--", "opensc-tool", "-l"]).out
        names = [f"Sealkey Virtual{pair} 00 0{one}" for pair in ("", " 2", " 3") for one in (0, 1)]
        self.assertEqual([name for name in names if f" {name}\n" in out], names)
        self.assertEqual(out.count("Sealkey Virtual"), len(names))
        for bad in ("0", "9", "x"):
            self.assertIn("8 pairs", harness.run([SCRIPT, "run", "--pairs", bad, "--", "true"], code=2).err)

    def test_two_at_once_do_not_see_each_other(self):
        inner = f"{SCRIPT} run --reader Inner -- opensc-tool -l; opensc-tool -l"
        out = harness.run([SCRIPT, "run", "--reader", "Outer", "--", "sh", "-c", inner]).out
        self.assertLess(out.index("Inner 00 00"), out.index("Outer 00 00"))

    def test_nothing_is_left_running(self):
        mark = str(self.work / "mark")
        harness.run([SCRIPT, "run", "--", "sh", "-c", f"sleep 1000 {mark} & true"], ok=None)
        self.assertEqual(harness.run(["pgrep", "-f", f"sleep 1000 {mark}"], ok=None).out, "")

    def test_kept_one_is_entered_and_stopped(self):
        folder = self.work / "kept"
        harness.run([SCRIPT, "start", "--reader", "Kept", folder])
        try:
            self.assertIn("Kept 00 00", harness.run([SCRIPT, "enter", folder, "--", "opensc-tool", "-l"]).out)
        finally:
            harness.run([SCRIPT, "stop", folder])
        self.assertIn("nothing runs", harness.run([SCRIPT, "enter", folder, "--", "true"], code=2).err)

    def test_missing_tool_is_named(self):
        error = harness.run(["/bin/bash", SCRIPT, "run", "--", "true"], code=2,
                            env={"PATH": str(self.tools("bash", "readlink", "id", "dirname"))}).err
        self.assertIn("run sim/setup.sh", error)

    def tools(self, *names):
        """A folder with these programs alone."""
        folder = self.work / "tools"
        folder.mkdir(exist_ok=True)
        for name in names:
            os.symlink(harness.program(name), folder / name)
        return folder


class WhereNamespacesAreForbidden(harness.Case):
    def test_it_says_so_and_uses_the_systems_pcscd(self):
        """Inside a private pcscd, which plays the system's, an unshare that always fails."""
        folder = self.work / "forbidden"
        folder.mkdir()
        fake = folder / "unshare"
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
        # The folder of the command comes first on the PATH; pcscd runs already there.
        command = f"PATH={folder}:$PATH TMPDIR={self.work.path} {SCRIPT} run -- opensc-tool -l"
        done = harness.run([SCRIPT, "run", "--reader", "The System", "--", "sh", "-c", command])
        self.assertIn("namespaces are forbidden", done.err)
        self.assertIn("The System 00 00", done.out)


if __name__ == "__main__":
    harness.main(pcscd=False)

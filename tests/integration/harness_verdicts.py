#!/usr/bin/env python3
# labels: unit
# timeout: 30
"""What a script of these tests tells ctest: a part that was skipped is never told as passed, and no test is left out."""
import sys

import harness

HEAD = "#!/usr/bin/env python3\n"
SCRIPT = """
import sys
sys.path.insert(0, {place!r})
import harness

class Good(harness.Case):
    def test_it(self):
        pass

class Skipped(harness.Case):
    def setUp(self):
        self.skipTest("namespaces are forbidden here")
    def test_more(self):
        pass

class Bad(harness.Case):
    def test_wrong(self):
        self.fail("wrong")

if __name__ == "__main__":
    harness.main(pcscd=False)
"""


class Verdicts(harness.Case):
    def verdict(self, *tests, head=HEAD, code, no_skips=""):
        place = str(harness.ROOT / "tests/integration")
        script = self.work.write("script.py", head + SCRIPT.format(place=place))
        return harness.run([sys.executable, script, *tests], code=code, env={"SEALKEY_NO_SKIPS": no_skips}).err

    def test_all_shown(self):
        self.assertNotIn("SKIPPED", self.verdict("Good", code=0))

    def test_a_part_that_was_skipped_is_named_and_the_script_is_not_passed(self):
        for tests in (("Good", "Skipped"), ("Skipped",)):
            said = self.verdict(*tests, code=harness.SKIPPED)
            self.assertIn("SKIPPED __main__.Skipped.test_more: namespaces are forbidden here", said)

    def test_where_nothing_may_be_skipped_it_is_a_failure(self):
        said = self.verdict("Good", "Skipped", code=1, no_skips="1")
        self.assertIn("SKIPPED __main__.Skipped.test_more: namespaces are forbidden here", said)
        self.assertIn("SEALKEY_NO_SKIPS=1: what was skipped counts as failed", said)
        self.verdict("Good", code=0, no_skips="1")

    def test_a_failure_is_one_whatever_was_skipped(self):
        self.assertIn("SKIPPED", self.verdict("Good", "Skipped", "Bad", code=1))

    def test_a_head_with_parts_names_every_test(self):
        parts = HEAD + "# part good: Good Skipped\n"
        self.assertIn("no part of its head has Bad.test_wrong", self.verdict("Good", head=parts, code=1))
        self.verdict("Good", head=parts + "# part bad: Bad.test_wrong\n", code=0)


if __name__ == "__main__":
    harness.main(pcscd=False)

"""token_probe (token_probe.cpp) beside a test: one connection to a key, words at its input, a line of answer each."""
import os
import subprocess

import harness


class Probe:
    """.said: the file that has what it complained of."""

    def __init__(self, work, reader="Sealkey", patience=5000, environment=None):
        self.said = work / f"probe{id(self)}.err"
        with open(self.said, "wb") as said:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen([harness.BUILD / "tests/integration/token_probe", reader, str(patience)],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
                                            env={**os.environ, **(environment or {})})

    def ask(self, *words):
        self.tell(*words)
        return self.answer()

    def tell(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends it as the end of its input does; one that hangs is killed."""
        if self.process.stdin.closed:
            return
        try:
            self.process.stdin.close()
            self.process.wait(20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.kill()
        self.process.stdout.close()


def begun(case, *arguments, **how):
    """One that has its key and ends with the test."""
    probe = Probe(case.work, *arguments, **how)
    case.addCleanup(probe.close)
    said = probe.answer()
    case.assertEqual(said, "ready", probe.said.read_text())
    return probe

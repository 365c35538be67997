#!/usr/bin/env python3
# labels: sanitize pkcs11 stress
# lock: fuzz_preset
# timeout: 400
"""pkcs11_stress with the module built under ThreadSanitizer, and under AddressSanitizer and UndefinedBehaviorSanitizer: a race,
a leak or a stray access ends a program with another exit code, and fails the test. Eight programs of four threads, 96 signatures
each: some ten seconds for both, once they are built."""
import os

import harness
import pkcs11_stress


class Sanitized(pkcs11_stress.Stress):
    def built(self, preset):
        log = self.work / f"{preset}.log"
        for command in (["cmake", "--preset", preset],
                        ["cmake", "--build", "--preset", preset, "--target", "sealkey-pkcs11", "stress_worker"]):
            done = harness.run(command, ok=None, cwd=harness.ROOT, timeout=800)
            log.write_text(str(done))
            self.assertEqual(done.code, 0, str(done)[-4000:])
        return harness.ROOT / "build" / preset

    def test_no_two_threads_race(self):
        self.stress(programs=8, signatures=3, between=16, build=self.built("threads"),
                    environment={"TSAN_OPTIONS": "exitcode=66:halt_on_error=1"})

    def test_no_stray_access_and_nothing_undefined(self):
        self.stress(programs=8, signatures=3, between=16, build=self.built("fuzz"), environment={
            "LSAN_OPTIONS": f"suppressions={harness.ROOT}/tests/support/lsan.supp:print_suppressions=0",
            "LLVM_PROFILE_FILE": os.devnull})


if __name__ == "__main__":
    harness.main()

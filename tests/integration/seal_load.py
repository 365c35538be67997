#!/usr/bin/env python3
# labels: bench clients
# timeout: 300
"""A seal that arrives after its key: `sealkey-bench seal load`, through the key's own secure channel."""
import json

import harness
from bench_case import BenchCase, NAME, png

PIN = "739146"


class LaterSeal(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.key = self.simulator()
        self.serial = self.issue(self.key)["serial"]
        self.picture = self.work.write("seal.png", png())

    def load(self, *more, picture=None, request="R-7", **how):
        return self.bench_json("seal", "load", "--request", request, "--seal-image", str(picture or self.picture), *more, **how)

    def load_refused(self, *more, code, words, picture=None, request="R-7", **how):
        return self.refused("seal", "load", "--request", request, "--seal-image", str(picture or self.picture), *more, code=code,
                            words=words, **how)

    def shown(self):
        return json.loads(self.key.run(["sealkey", "seal", "show", "--json"]).out)

    def test_N15_seal_comes_after_the_key_and_a_cut_leaves_one_that_the_same_order_finishes(self):
        self.activate(self.key, self.serial, PIN)
        self.key.run(["sealkey", "seal", "show"], code=8)
        self.key.cut(2)
        self.bench("seal", "load", "--request", "R-7", "--seal-image", str(self.picture), ok=False)
        self.key.wait_for_cut()
        done = self.load()
        self.assertIs(done["again"], True, "the same order made another seal")
        shown = self.shown()
        self.assertEqual((shown["faults"], shown["seal"]["id"], shown["seal"]["name"]), ([], done["id"], NAME))
        self.key.run(["sealkey", "seal", "verify", "--seal-ca", self.ca / "seal-root.pem"])
        self.bench("check", env={"SEALKEY_PIN": PIN})
        self.assertEqual([r["detail"]["again"] for r in self.audit() if r["action"] == "seal"], [False, True])

        # Another picture is another order.
        other = self.load("--seal-width", "30", picture=self.work.write("other.png", png(40, 40, (20, 20, 200))), request="R-8")
        self.assertIs(other["again"], False)
        self.assertEqual(self.shown()["seal"]["picture"]["width_mm"], 30)
        self.bench("check")

    def test_N15_refusals_change_neither_key_nor_inventory(self):
        before = self.bench_json("inventory", "show", "--serial", self.serial)
        self.load_refused(request=" ", code=7, words="approved request")
        self.load_refused(picture=self.work.write("no.png", b"no picture"), code=10, words="PNG")
        self.load_refused(picture=self.work / "none", code=13, words="none")
        self.load_refused(code=5, words="passphrase", env={"SEALKEY_CA_PASSPHRASE": "another one, wrong"})
        self.bench("renewals", "approve", "--serial", self.serial, "--request", "R-1")
        self.load_refused(code=7, words="has to end first")
        self.bench("renewals", "refuse", "--serial", self.serial, "--remark", "later")
        self.bench("ca", "channel-master", ok=False)  # there is one
        self.assertEqual(self.bench_json("inventory", "show", "--serial", self.serial), before)
        self.key.run(["sealkey", "seal", "show"], code=8)
        self.bench("revoke", "--serial", self.serial, "--why", "lost")
        self.load_refused(code=7, words="REVOKED")
        self.key.run(["sealkey", "seal", "show"], code=8)

    def test_revoked_maker_makes_no_seal_until_there_is_a_new_one(self):
        clean = self.bench_json("crl", "--seal-root")["crl"]
        self.assertEqual((clean["entries"], clean["pem"]), (0, str(self.ca / "seal-crl.pem")))
        clean = self.work.write("clean.crl", (self.ca / "seal-crl.pem").read_bytes())
        old = self.load("--seal-crl", str(clean))
        checked = ["sealkey", "seal", "verify", "--seal-ca", self.ca / "seal-root.pem", "--seal-crl"]
        self.key.run([*checked, clean])

        # Nothing is revoked by mistake.
        self.refused("crl", "--seal-root", "--revoke-maker", "bad luck", code=10, words="isn't a reason")
        self.bench("crl", "--revoke-maker", "keyCompromise", code=2)
        self.bench("crl", "--root", "--seal-root", code=2)
        self.refused("crl", "--seal-root", "--revoke-maker", "keyCompromise", code=5, words="passphrase",
                     env={"SEALKEY_CA_PASSPHRASE": "another one, wrong"})
        self.load("--seal-crl", str(self.ca / "seal-crl.der"))
        self.assertEqual(self.bench_json("crl", "--seal-root", "--revoke-maker", "keyCompromise")["crl"]["entries"], 1)
        self.assertIn("maker_revoked", self.key.run([*checked, self.ca / "seal-crl.pem", "--json"], code=11).out)

        # By the folder's own list, and where that was lost by the one that is given; the key keeps what it has.
        before = self.bench_json("inventory", "show", "--serial", self.serial)
        self.load_refused(code=7, words="is revoked since")
        self.bench("renewals", "serve", code=7)
        (self.ca / "seal-crl.pem").rename(self.work / "revoked.pem")
        self.load_refused("--seal-crl", str(self.work / "revoked.pem"), code=7, words="is revoked since")
        for bad, words in ((b"", "no revocation list"), ((self.ca / "root.pem").read_bytes(), "no revocation list")):
            self.load_refused("--seal-crl", str(self.work.write("bad.crl", bad)), code=10, words=words)
        self.bench("crl", "--root")
        self.load_refused("--seal-crl", str(self.ca / "root-crl.pem"), code=10, words="None of the revocation lists is by")
        self.assertEqual(self.bench_json("inventory", "show", "--serial", self.serial), before)
        self.assertEqual(self.shown()["seal"]["id"], old["id"])
        (self.ca / "seal-crl.pem").write_bytes(b"damaged")
        self.load_refused(code=13, words="damaged")
        self.bench("crl", "--seal-root", code=13)
        (self.work / "revoked.pem").rename(self.ca / "seal-crl.pem")

        # A new maker's seal is good under the same list, which keeps the former maker when it is made anew.
        former = self.bench_json("ca", "show")["seal_maker_serial"]
        (self.ca / "seal-root.key").rename(self.work / "safe")
        self.bench("ca", "seal-maker", code=13)
        (self.work / "safe").rename(self.ca / "seal-root.key")
        self.bench("ca", "seal-maker")
        self.assertTrue((self.ca / f"seal-maker-{former}.pem").exists())
        self.assertIs(self.load()["again"], False, "the revoked maker's seal was written once more")
        self.assertEqual(self.bench_json("crl", "--seal-root")["crl"]["entries"], 1)
        self.key.run([*checked, self.ca / "seal-crl.pem"])
        self.bench("check")

    def test_another_benchs_key_and_one_of_the_compatibility_profile_are_refused(self):
        self.key.close()
        stranger = self.simulator(profile="compatibility")
        self.load_refused(code=8, words="no key")
        stranger.close()
        blank = self.simulator()
        self.issue(blank, profile="compatibility", login_name="OTHER", kind="additional", reason="test")
        self.load_refused(code=7, words="shipping profile")


if __name__ == "__main__":
    harness.main()

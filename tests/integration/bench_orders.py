#!/usr/bin/env python3
# labels: bench
# timeout: 60
"""`sealkey-bench orders check`: everything that is wrong with a file of orders is told before any key is touched."""
import json

import harness
from bench_case import CODE, NAME, OTHER_CODE, BenchCase, png

HEAD = "kind,enterprise_name,unified_code,login_name,reason,replaces,lost_or_damaged,seal_image\n"


class Orders(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.work.write("seal.png", png())

    def check(self, text, name="orders.csv", **how):
        return self.bench("orders", "check", str(self.work.write(name, text)), **how)

    def problems(self, text, name="orders.csv"):
        done = self.check(text, name, code=10)
        as_json = json.loads(self.bench("orders", "check", str(self.work / name), "--json", code=10).out)
        problems = as_json["error"]["problems"]
        for problem in problems:
            field = f" {problem['field']}:" if problem["field"] else ""
            self.assertIn(f"{name}:{problem['line']}:{field} {problem['message']}", done.err)
        self.assertIn("Nothing was done", done.err)
        return [(p["line"], p["field"], p["fault"]) for p in problems]

    def test_good_orders_pass_and_change_nothing(self):
        good = HEAD + f"first,{NAME},{CODE},FJSL,,,,seal.png\r\nadditional,{NAME},{CODE},FJSL2,second office,,,\r\n"
        for _ in range(2):
            self.assertIn("2 orders", self.check(good).out)
        objects = [{"enterprise_name": NAME, "unified_code": CODE, "login_name": "FJSL"},
                   {"enterprise_name": "另一家公司", "unified_code": OTHER_CODE, "login_name": "OTHER"}]
        self.assertIn("2 orders", self.check(json.dumps(objects, indent=1), "orders.json").out)
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.assertEqual([row["action"] for row in self.audit()], ["ca-init"])

    def test_N2_N3_N5_N7_all_faults_at_once_those_of_the_inventory_too(self):
        broken = self.work.write("broken.png", png()[:60])
        text = (HEAD +
                f"first,{NAME},{CODE[:-1]}2,A B,,,,none.png\n"            # 2: code, login name, picture
                f"first,{NAME},{CODE},ONE,,,,{broken}\n"                  # 3: picture
                f"first,{NAME},{CODE},TWO,,,,\n"                          # 4: good, since line 3 isn't
                f"first,{NAME},{CODE},THREE,,,,\n"                        # 5: the enterprise's second first key
                f"additional,{NAME},{CODE},two,office,,,\n"               # 6: the login name of line 4
                f"additional,{NAME},{CODE},FOUR,office,,,\n"              # 7: good
                f"additional,{NAME},{CODE},FIVE,office,,,\n"              # 8: good, the third
                f"additional,{NAME},{CODE},SIX,office,,,\n"               # 9: the fourth
                f"additional,X,{OTHER_CODE},SEVEN,office,,,\n"            # 10: it has no key yet
                f"replacement,{NAME},{CODE},,lost it,SK2600000013,lost,\n"  # 11: no such key
                f"first,\"{NAME}\n,{CODE},EIGHT,,,,\n")                   # 12: a quotation that isn't closed
        self.assertEqual(self.problems(text), [
            (2, "login_name", "bad_argument"), (2, "unified_code", "bad_code"), (2, "seal_image", "file"),
            (3, "seal_image", "bad_argument"), (5, "", "policy"), (6, "login_name", "policy"), (9, "", "policy"),
            (10, "", "policy"), (11, "", "unknown"), (12, "", "bad_argument")])
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.assertEqual([row["action"] for row in self.audit()], ["ca-init"])

    def test_what_is_no_file_of_orders(self):
        self.assertEqual(self.problems("name,code\nX,Y\n"), [(1, "name", "bad_argument"), (1, "code", "bad_argument")])
        self.assertEqual(self.problems("[{}\n,{", "orders.json"), [(2, "", "bad_argument")])
        self.refused("orders", "check", str(self.work / "none.csv"), code=13, words="can't be read")
        self.refused("orders", "check", str(self.work.write("orders.xls", HEAD)), code=10, words="is neither")
        self.refused("orders", "check", code=2, words="")
        self.refused("orders", code=2, words="")

    def test_chinese(self):
        said = self.check(HEAD + f"first,{NAME},{CODE},,,,,\n", code=10,
                          env={"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"}).err
        self.assertIn("orders.csv:2: login_name: 订单", said)
        self.assertIn("处错误", said)


if __name__ == "__main__":
    harness.main(pcscd=False)

// Checks an SM2 signature with npm's sm-crypto-v2.
//   node verify_seal.cjs MODULES INFO.der SIGNATURE.der POINT(hex, 04 x y)
// Prints "good" or "bad"; exit code 1 when it is bad.
const fs = require("fs");
const path = require("path");

const [modules, info, signature, point] = process.argv.slice(2);
const { sm2 } = require(path.join(modules, "sm-crypto-v2"));
const good = sm2.doVerifySignature(new Uint8Array(fs.readFileSync(info)), fs.readFileSync(signature).toString("hex"), point, {
  der: true,
  hash: true,
  userId: "1234567812345678",
});
console.log(good ? "good" : "bad");
process.exit(good ? 0 : 1);

// npm's rp2040js, from where the tests' set-up puts it (tests/run.sh): build/rp2040js, or $SEALKEY_RP2040JS.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const folder = process.env.SEALKEY_RP2040JS ?? path.join(root, 'build/rp2040js');
if (!fs.existsSync(path.join(folder, 'node_modules/rp2040js'))) {
  throw new Error(`npm's rp2040js isn't in ${folder}: run tests/run.sh, or npm ci --prefix ${folder} beside a copy of sim/rp2040/package*.json`);
}
export const { RP2040, GPIOPinState } = createRequire(path.join(folder, 'package.json'))('rp2040js');

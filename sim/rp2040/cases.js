// Runs cases on a made key, each from the same state, and prints a line a case; exit code 1 when one failed.
//
//   node SCRIPT --image FILE --flash FILE [--stop ADDRESS] [NAME...]   --flash: the made key's flash chip; it is only read
import { parseArgs } from 'node:util';
import { BoardKey } from './key.js';
import { snapshot } from './snapshot.js';

const kString = { type: 'string' };

// cases: name -> (key, { image, flash, stop }) => void, which throws. prepare(key) is called once, before all of them.
export function runCases(cases, prepare = () => {}) {
  const { values, positionals } = parseArgs({ options: { flash: kString, image: kString, stop: kString }, allowPositionals: true });
  const key = new BoardKey({ flashFile: values.flash });
  key.flashFile = undefined; // read, not written
  key.plug();
  prepare(key);
  const restore = snapshot(key);
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    if (positionals.length && !positionals.includes(name)) continue;
    restore();
    try {
      run(key, values);
      console.log(`good ${name}`);
    } catch (error) {
      ++failed;
      console.log(`FAIL ${name}: ${error.stack}`);
    }
  }
  process.exit(failed ? 1 : 0);
}

// The control socket's commands, as sealkey-sim has them (sim/control.h), for one key, number 0.

const kRam = 0x20000000;
const kStackPaint = 0x5ea1ce75; // firmware/boards/rp2040/stack.h
const kGuard = 64; // bytes at its bottom that are never written
const kKinds = ['nothing', 'prefix', 'subset', 'whole'];

function status(key) {
  const chip = key.plugged ? { instructions: key.chip.instructions, cycles: key.chip.cycle, reboots: key.chip.reboots } : {};
  return { state: key.flashFile ?? '', plugged: key.plugged, in_reader: key.plugged, apdus: key.log.length,
    flash_operations: key.flash.operations, cut_armed: key.flash.cut !== null, ...chip };
}

const kCommands = {
  status,
  insert(key) {
    key.plug();
    return status(key);
  },
  remove(key) {
    if (key.plugged) key.unplug();
    return status(key);
  },
  cut(key, number, kind = 'subset') {
    if (!/^[1-9][0-9]*$/.test(number)) throw new Error('the first flash operation from now is number 1');
    if (!kKinds.includes(kind)) throw new Error(`the kind must be one of ${kKinds.join(' ')}`);
    key.flash.armCut(Number(number), kind);
    return status(key);
  },
  disarm(key) {
    key.flash.cut = null;
    return status(key);
  },
  'last-cut': (key) => (key.lastCut ? { cut: true, ...key.lastCut } : { cut: false }),
  log: (key, from = '0') => ({ apdus: key.log.length, log: key.log.filter(({ number }) => number >= Number(from)) }),
  // A sweep's short way: a command runs once, between record and recorded; leave N [KIND] then starts the key as a power cut
  // at the N-th flash operation of those leaves it.
  record(key) {
    key.record();
    return status(key);
  },
  recorded: (key) => ({ recorded: key.endRecord() }),
  leave(key, number, kind = 'subset') {
    key.leave(Number(number), kind);
    return { ...status(key), cut: key.lastCut };
  },
  // How deep the stack went since power came, in bytes: what was never used still shows its paint.
  stack(key, bottom, top) {
    const { sramView } = key.chip.rp2040;
    let at = Number(bottom) + kGuard;
    while (at < Number(top) && sramView.getUint32(at - kRam, true) === kStackPaint) at += 4;
    return { used: Number(top) - at };
  },
  led: (key) => ({ led: key.chip.led }),
  press(key, down = 'yes') {
    key.chip.press(down === 'yes');
    return status(key);
  },
};

export function answerLine(key, line, quit) {
  const words = line.trim().split(/\s+/);
  if (/^[0-9]+$/.test(words[0])) words.shift();
  const [name, ...parameters] = words;
  try {
    if (name === 'quit') {
      setImmediate(quit);
      return { quit: true };
    }
    if (!Object.hasOwn(kCommands, name)) throw new Error(`no such command: ${name} (${Object.keys(kCommands).join(' ')} quit)`);
    return kCommands[name](key, ...parameters);
  } catch (error) {
    if (error.rule) throw error; // the firmware's fault, not the command's
    return { error: error.message };
  }
}

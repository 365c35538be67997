// A block of registers as rp2040js calls one: words at offsets, and the chip's aliases that set, clear or toggle bits.
import { Violation, hex } from './violation.js';

const kXor = 1;
const kSet = 2;
const kClear = 3;

export class Registers {
  // words: offset -> value after reset; an access to any other offset is the firmware's fault.
  constructor(name, words) {
    this.name = name;
    this.initial = words;
    this.words = { ...words };
    this.rawWriteValue = 0; // what the instruction wrote, before an alias turned it into a new value
  }

  reset() {
    this.words = { ...this.initial };
  }

  readUint32(offset) {
    if (!(offset in this.words)) throw new Violation('bad-access', `${this.name} has no register ${hex(offset, 3)} (read)`);
    return this.words[offset] >>> 0;
  }

  writeUint32(offset, value) {
    if (!(offset in this.words)) throw new Violation('bad-access', `${this.name} has no register ${hex(offset, 3)} (write)`);
    this.words[offset] = value >>> 0;
  }

  writeUint32Atomic(offset, value, alias) {
    this.rawWriteValue = value;
    let result = value;
    if (alias === kXor) result = this.readUint32(offset) ^ value;
    if (alias === kSet) result = this.readUint32(offset) | value;
    if (alias === kClear) result = this.readUint32(offset) & ~value;
    this.writeUint32(offset, result);
  }
}

// Gives a block of rp2040js's the plain registers that it lacks.
export function addRegisters(block, words) {
  const read = block.readUint32.bind(block);
  const write = block.writeUint32.bind(block);
  block.extraWords = { ...words };
  block.readUint32 = (offset) => (offset in block.extraWords ? block.extraWords[offset] : read(offset));
  block.writeUint32 = (offset, value) => {
    if (offset in block.extraWords) block.extraWords[offset] = value >>> 0;
    else write(offset, value);
  };
}

// Memory that mustn't be touched now: every access tells why.
export class Forbidden {
  constructor(rule, why) {
    this.rule = rule;
    this.why = why;
  }

  readUint32(offset) {
    throw new Violation(this.rule, `read: ${this.why()}`);
  }

  writeUint32Atomic() {
    throw new Violation(this.rule, `write: ${this.why()}`);
  }
}

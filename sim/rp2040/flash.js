// A NOR flash chip as on the board (2 MiB, W25Q16 family): commands on one wire, quad reads once they are enabled, pages and
// sectors, write enable, busy. Its bytes are what a power cut leaves.
import { PowerCut, Violation, hex } from './violation.js';
import { cyclesOf } from './clock.js';

export const kSector = 4096;
export const kPage = 256;
export const kSize = 2 * 1024 * 1024;
const kBusy = 0x01;
const kWriteEnabled = 0x02;
const kQuadEnable = 0x02; // in the second status byte
const kTimes = { status: 10e-3, page: 0.7e-3, sector: 45e-3 }; // typical
export const kSlowTimes = { ...kTimes, page: 3e-3, sector: 0.4 }; // the most that the data sheet allows

// A small deterministic generator (xorshift): tests repeat.
export function generator(seed) {
  let state = (seed >>> 0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

// What a torn operation leaves of `wanted`, given the bytes before. kind: nothing prefix subset whole (sim/power_cut.h).
function tear(kind, before, wanted, random) {
  const changing = [];
  for (let i = 0; i < wanted.length; ++i) if (before[i] !== wanted[i]) changing.push(i);
  const middle = changing.length ? changing[(changing.length >> 1) + (random() % ((changing.length >> 2) + 1))] : wanted.length;
  const left = wanted.map((then, i) => {
    if (kind === 'nothing' || (kind === 'prefix' && i >= middle)) return before[i];
    if (kind === 'subset') return before[i] ^ ((before[i] ^ then) & (random() >>> 11));
    return then;
  });
  const torn = changing.filter((i) => left[i] !== wanted[i]).length;
  const between = torn > 0 && changing.some((i) => left[i] !== before[i]); // neither the old bytes nor the new ones
  return { left, to_change: changing.length, torn, between };
}

export class NorFlash {
  // bytes: what the chip holds, or nothing for a blank one.
  constructor(bytes) {
    this.bytes = new Uint8Array(kSize).fill(0xff);
    if (bytes) this.bytes.set(bytes);
    this.quadEnable = false; // kept without power, as on the chip
    this.times = kTimes;
    this.operations = 0; // programs and erases
    this.cut = null; // { left, number, kind }
    this.recording = null;
    this.powerUp();
  }

  powerUp() {
    this.continuous = false;
    this.writeEnabled = false;
    this.busyUntil = 0;
    this.selected = false;
    this.command = [];
  }

  // ---- time ----

  attach(clock) {
    this.clock = clock;
    this.busyUntil = 0;
  }

  get busy() {
    return this.clock.cycle < this.busyUntil;
  }

  occupy(seconds) {
    this.busyUntil = this.clock.cycle + cyclesOf(seconds);
  }

  // ---- the wires: chip select, and a byte each way ----

  select() {
    this.selected = true;
    this.command = [];
  }

  deselect() {
    if (!this.selected) return;
    this.selected = false;
    const [code, ...rest] = this.command;
    if (code === undefined) return;
    if (code === 0x06) this.writeEnabled = true;
    else if (code === 0x04) this.writeEnabled = false;
    else if (code === 0x01) this.writeStatus(rest);
    else if (![0x03, 0x05, 0x35, 0x4b, 0x9f, 0xff, 0x00].includes(code)) {
      throw new Violation('flash-command', `the flash chip doesn't know command ${hex(code, 2)}`);
    }
  }

  writeStatus(rest) {
    if (!this.writeEnabled) throw new Violation('flash-write-enable', 'status written without write enable');
    if (rest.length > 1) this.quadEnable = (rest[1] & kQuadEnable) !== 0;
    this.writeEnabled = false;
    this.occupy(this.times.status);
  }

  exchange(byte) {
    const position = this.command.length;
    this.command.push(byte);
    const code = this.command[0];
    if (this.continuous) throw new Violation('flash-continuous', `command ${hex(code, 2)} while the chip expects an address`);
    if (this.busy && code !== 0x05) throw new Violation('flash-busy', `command ${hex(code, 2)} while the chip is busy`);
    if (position === 0) return 0xff;
    switch (code) {
      case 0x05: return (this.busy ? kBusy : 0) | (this.writeEnabled ? kWriteEnabled : 0);
      case 0x35: return this.quadEnable ? kQuadEnable : 0;
      case 0x9f: return [0xef, 0x40, 0x15][position - 1] ?? 0xff;
      case 0x4b: return position > 4 ? [0xe6, 0x60, 0x58, 0x38, 0x83, 0x47, 0x2f, 0x21][position - 5] ?? 0xff : 0xff;
      case 0x03: return position > 3 ? this.bytes[this.address(position - 4)] : 0xff;
      default: return 0xff;
    }
  }

  address(offset) {
    return ((this.command[1] << 16) + (this.command[2] << 8) + this.command[3] + offset) % kSize;
  }

  // The first read on four wires; its mode bits say whether the next one goes without a command.
  quadRead(mode) {
    if (!this.quadEnable) throw new Violation('flash-quad', 'read on four wires without quad enable');
    if (this.busy) throw new Violation('flash-busy', 'read while the chip is busy');
    this.continuous = (mode & 0xf0) === 0xa0;
  }

  // ---- programs and erases (as the boot ROM's functions order them: write enable, command, wait) ----

  program(offset, data) {
    this.mustTake(offset, data.length, kPage);
    const before = this.bytes.slice(offset, offset + data.length);
    this.carryOut('program', offset, before, before.map((now, i) => now & data[i]));
    this.occupy(this.times.page);
  }

  eraseSector(offset) {
    this.mustTake(offset, kSector, kSector);
    const before = this.bytes.slice(offset, offset + kSector);
    this.carryOut('erase', offset, before, new Uint8Array(kSector).fill(0xff));
    this.occupy(this.times.sector);
  }

  mustTake(offset, length, unit) {
    if (this.busy) throw new Violation('flash-busy', 'program or erase while the chip is busy');
    if (this.continuous) throw new Violation('flash-continuous', 'program or erase while the chip expects an address');
    if (offset % unit || offset + length > kSize) throw new Violation('flash-alignment', `${hex(offset)} + ${length}`);
  }

  carryOut(operation, offset, before, wanted) {
    ++this.operations;
    if (this.cut && --this.cut.left === 0) {
      const { kind, number } = this.cut;
      this.cut = null;
      throw new PowerCut(this.tearHere({ operation, offset, before, wanted }, number, kind));
    }
    this.recording?.push({ operation, offset, before, wanted });
    this.bytes.set(wanted, offset);
  }

  // Leaves what a torn operation does, and tells of it.
  tearHere({ operation, offset, before, wanted }, number, kind) {
    const { left, ...torn } = tear(kind, before, wanted, generator((offset ^ (number * 2654435761)) >>> 0));
    this.bytes.set(left, offset);
    return { operation, number, offset, length: wanted.length, ...torn, kind };
  }

  // Power goes at the number-th operation from now, 1 being the next.
  armCut(number, kind = 'subset') {
    this.cut = { left: number, number, kind };
  }
}

// The chip's boot ROM as far as firmware calls it: the header with its tables, the lookup function, and the functions for
// the flash chip. Each function is a stub of two instructions, BKPT and BX LR; the emulator's break hook comes here.
// The flash functions have an order (RP2040 datasheet, 2.8.3.1.3) and conditions, which are checked.
import { Violation, hex } from './violation.js';
import { kPage, kSector } from './flash.js';

const kVersion = 3; // of the chip's revision B2
const kStubs = 0x100;
const kFunctionTable = 0x300;
const kDataTable = 0x3f0;
const kRam = [0x20000000, 0x20042000];
export const kBreakStubs = 0x80; // break codes from here on are the ROM's

export class BootRom {
  constructor(chip) {
    this.chip = chip;
    this.functions = [
      ['lookup', () => this.lookup()],
      ['IF', () => this.connect()],
      ['EX', () => this.leaveWindow()],
      ['RE', () => this.erase()],
      ['RP', () => this.program()],
      ['FC', () => this.flushCache()],
      ['CX', () => this.serialWindow()],
    ];
    this.stage = 'window'; // connected, command
    this.left = null; // flash operations that a function has still to do
    this.zeroWrites = 0;
  }

  // The ROM's words, for the emulator's memory.
  image() {
    const bytes = new Uint8Array(16 * 1024);
    const view = new DataView(bytes.buffer);
    bytes.set([0x4d, 0x75, 0x01, kVersion], 0x10);
    view.setUint16(0x14, kFunctionTable, true);
    view.setUint16(0x16, kDataTable, true);
    this.functions.forEach(([name], i) => {
      const stub = kStubs + 8 * i;
      view.setUint16(stub, 0xbe00 | (kBreakStubs + i), true);
      view.setUint16(stub + 2, 0x4770, true);
      if (name === 'lookup') {
        view.setUint16(0x18, stub | 1, true);
      } else {
        const entry = kFunctionTable + 4 * (i - 1);
        view.setUint16(entry, name.charCodeAt(0) | (name.charCodeAt(1) << 8), true);
        view.setUint16(entry + 2, stub | 1, true);
      }
    });
    return new Uint32Array(bytes.buffer);
  }

  // A stub was reached; the program counter is behind its BKPT.
  onBreak(code) {
    const entry = this.functions[code - kBreakStubs];
    if (!entry) throw new Violation('break', `BKPT ${hex(code, 2)} at ${hex(this.core.PC - 2)}`);
    entry[1]();
  }

  get core() {
    return this.chip.core;
  }

  lookup() {
    const [table, wanted] = this.core.registers;
    let entry = table;
    for (;;) {
      const code = this.chip.rp2040.readUint16(entry);
      if (code === 0) break;
      if (code === wanted) {
        this.core.registers[0] = this.chip.rp2040.readUint16(entry + 2);
        return;
      }
      entry += 4;
    }
    this.core.registers[0] = 0;
  }

  // ---- the flash ----

  fromRam(what) {
    const back = this.core.LR & ~1;
    if (back < kRam[0] || back >= kRam[1]) {
      throw new Violation('flash-caller', `${what} is called from ${hex(back)}, which isn't RAM`);
    }
  }

  stageMustBe(stage, what) {
    this.fromRam(what);
    if (this.stage !== stage) throw new Violation('flash-order', `${what} while the flash is in stage "${this.stage}"`);
  }

  connect() {
    this.stageMustBe('window', 'connect_internal_flash');
    this.stage = 'connected';
    this.chip.ssi.commandMode();
  }

  leaveWindow() {
    this.stageMustBe('connected', 'flash_exit_xip');
    this.stage = 'command';
    this.chip.flash.continuous = false;
    this.chip.ssi.commandMode();
  }

  flushCache() {
    this.stageMustBe('command', 'flash_flush_cache');
    this.stage = 'window';
    this.chip.ssi.cacheStale = false;
    this.chip.flashPins.release();
  }

  serialWindow() {
    this.fromRam('flash_enter_cmd_xip');
    this.chip.ssi.serialWindow();
  }

  erase() {
    const [offset, length] = this.core.registers;
    this.inTurn('flash_range_erase', offset, length, kSector, (at) => this.chip.flash.eraseSector(at));
  }

  program() {
    const [offset, source, length] = this.core.registers;
    if (this.left === null && (source < kRam[0] || source + length > kRam[1])) {
      throw new Violation('flash-source', `flash_range_program takes its data from ${hex(source)}, which isn't RAM`);
    }
    this.inTurn('flash_range_program', offset, length, kPage, (at) => {
      const from = source - kRam[0] + (at - offset);
      this.chip.flash.program(at, this.chip.rp2040.sram.slice(from, from + kPage));
    });
  }

  // Operation after operation, waiting for each: interrupts that aren't masked come meanwhile.
  inTurn(what, offset, length, unit, operation) {
    const { flash, clock, core, ssi } = this.chip;
    if (this.left === null) {
      this.stageMustBe('command', what);
      if (offset % unit || length % unit || length === 0) {
        throw new Violation('flash-alignment', `${what} of ${length} bytes at ${hex(offset)}`);
      }
      this.left = [];
      for (let at = offset; at < offset + length; at += unit) this.left.push(at);
    }
    if (!flash.busy) {
      if (this.left.length === 0) {
        this.left = null;
        return;
      }
      ssi.cacheStale = true;
      operation(this.left.shift());
      ssi.onWindow();
    }
    clock.sleep(flash.busyUntil);
    core.PC -= 2;
  }
}

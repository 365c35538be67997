// The serial interface that the flash chip hangs on, and the window through which the processor reads it. What is in the way
// of a read (interface off, wrong mode, chip busy, stale cache) hides the window: every access then tells why.
import { Registers } from './registers.js';
import { Violation, hex } from './violation.js';

const kCtrlr0 = 0x00;
const kEnable = 0x08;
const kSer = 0x10;
const kTxLevel = 0x20;
const kRxLevel = 0x24;
const kStatus = 0x28;
const kData = 0x60;
const kSpiCtrlr0 = 0xf4;
const kWords = {
  0x00: 0, 0x04: 0, 0x08: 0, 0x0c: 0, 0x10: 0, 0x14: 0, 0x18: 0, 0x1c: 0, 0x2c: 0, 0x30: 0, 0x34: 0, 0x48: 0, 0x4c: 0,
  0x50: 0, 0x54: 0, 0x58: 0x51535049, 0x5c: 0x3430312a, 0xf0: 0, 0xf4: 0x03000000, 0xf8: 0,
};
const kFifo = 16;
const kBusyBit = 0x01;
const kTxNotFull = 0x02;
const kTxEmpty = 0x04;
const kRxNotEmpty = 0x08;
const kQuad = 2;

export class Ssi extends Registers {
  constructor(flash) {
    super('SSI', kWords);
    this.flash = flash;
    this.received = [];
    this.sent = []; // of a quad transfer
    this.forcedSelect = null; // 'low' or 'high' while the pin is held
    this.cacheStale = false;
    this.connected = true;
    this.onWindow = () => {};
  }

  get quad() {
    return ((this.words[kCtrlr0] >>> 21) & 3) === kQuad;
  }

  readUint32(offset) {
    if (offset === kStatus) return this.status();
    if (offset === kTxLevel) return 0;
    if (offset === kRxLevel) return this.received.length;
    if (offset === kData) {
      if (this.received.length === 0) throw new Violation('flash-ssi', 'read from an empty receive queue');
      return this.received.shift();
    }
    return super.readUint32(offset);
  }

  writeUint32(offset, value) {
    if (offset === kData) return this.transfer(value);
    if (this.words[kEnable] && offset !== kEnable && offset !== kSer) {
      throw new Violation('flash-ssi', `register ${hex(offset, 2)} written while the interface is enabled`);
    }
    super.writeUint32(offset, value);
    if (offset === kEnable && !value) {
      this.finish();
      this.received = [];
    }
    this.onWindow();
  }

  transfer(value) {
    if (!this.words[kEnable]) throw new Violation('flash-ssi', 'data written while the interface is disabled');
    if (this.quad) {
      this.sent.push(value >>> 0);
      return;
    }
    if (this.received.length >= kFifo) throw new Violation('flash-ssi', 'receive queue overflown');
    if (!this.flash.selected) this.flash.select();
    this.received.push(this.flash.exchange(value & 0xff));
    this.onWindow();
  }

  // What is read here is asked for in loops that wait for the end of a transfer: it is at its end, then.
  status() {
    if (this.forcedSelect === null) this.finish();
    return kTxNotFull | kTxEmpty | (this.received.length ? kRxNotEmpty : 0) | (this.sent.length === 1 ? kBusyBit : 0);
  }

  finish() {
    if (this.sent.length >= 2) {
      if ((this.sent[0] & 0xff) !== 0xeb) throw new Violation('flash-command', `quad command ${hex(this.sent[0], 2)}`);
      this.flash.quadRead(this.sent[1] & 0xff);
      this.sent = [];
    }
    this.flash.deselect();
    this.onWindow();
  }

  // The chip select pin's override (IO_QSPI): null for none.
  force(level) {
    this.forcedSelect = level;
    if (level === 'low') this.flash.select();
    else this.finish();
    this.onWindow();
  }

  // The way the boot ROM leaves it for commands on one wire.
  commandMode() {
    Object.assign(this.words, kWords);
    this.words[kCtrlr0] = 0x00070000;
    this.words[kSer] = 1;
    this.words[kEnable] = 1;
    this.received = [];
    this.sent = [];
    this.onWindow();
  }

  // The slow reads that the boot ROM can set up: command 03h on one wire.
  serialWindow() {
    this.words[kCtrlr0] = 0x001f0300;
    this.words[kSpiCtrlr0] = 0x03000218;
    this.onWindow();
  }

  // Why the processor can't read the flash now; null when it can.
  obstacle() {
    const { words, flash } = this;
    if (flash.busy) return 'the flash chip is busy';
    if (this.forcedSelect !== null) return 'the chip select is held by software';
    if (!words[kEnable]) return 'the serial interface is disabled';
    if (((words[kCtrlr0] >>> 8) & 3) !== 3) return 'the serial interface is in command mode';
    const mode = words[kSpiCtrlr0];
    const command = mode >>> 24;
    const commandless = ((mode >>> 8) & 3) === 0;
    if (this.quad && commandless) {
      if (command !== 0xa0) return 'mode bits that end continuous reads';
      if (!flash.quadEnable || !flash.continuous) return 'continuous reads that the chip is not set to';
    } else if (!this.quad && !commandless && command === 0x03) {
      if (flash.continuous) return 'commands, while the chip expects an address';
    } else {
      return 'the serial interface is set to something else';
    }
    return this.cacheStale ? 'the cache still holds what was there before the write' : null;
  }
}

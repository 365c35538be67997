// The RP2040 on its board: rp2040js's core and plain blocks, our own flash, boot ROM, USB controller and what else the
// firmware relies on. Whatever real silicon would fault at or lose throws a Violation.
import fs from 'node:fs';
import { RP2040 } from './rp2040js.js';
import { BootRom } from './boot_rom.js';
import { CycleClock } from './clock.js';
import { Forbidden } from './registers.js';
import { furnish } from './board.js';
import { generator, NorFlash } from './flash.js';
import { Ssi } from './ssi.js';
import { UsbController } from './usb_controller.js';
import { Violation, hex } from './violation.js';

const kRam = 0x20000000;
const kRamEnd = 0x20042000;
const kBoot2 = 0x20041f00;
const kNoBytes = new Uint8Array(0);
const kNoView = new DataView(kNoBytes.buffer);
const kNothing = { aboveLogLevel: () => false, debug() {}, info() {} };

// rp2040js says some things on the console only.
console.warn = (message) => {
  throw new Violation('bad-access', message);
};

// The boot ROM's check of the first 256 bytes (CRC-32, not reflected).
export function boot2Crc(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
  }
  return crc >>> 0;
}

export class Chip {
  // options: seed (ring oscillator and memory at power-up), entropy ('good', 'stuck', 'biased', 'periodic')
  constructor(flash = new NorFlash(), options = {}) {
    this.flash = flash;
    this.options = options;
    this.instructions = 0;
    this.reboots = 0;
    this.view = null;
    this.flashEnd = undefined;
    this.powerUp();
  }

  powerUp() {
    this.flash.powerUp();
    this.build();
    const random = generator((this.options.seed ?? 1) ^ 0x5eed);
    for (let i = 0; i < this.rp2040.sram.length; i += 4) this.rp2040.sramView.setUint32(i, random(), true);
    this.boot();
  }

  // ---- building ----

  build() {
    this.clock = new CycleClock();
    this.rp2040 = new RP2040(this.clock);
    this.rp2040.flash16 = null; // 16 MiB that nothing uses
    this.core = this.rp2040.core;
    this.clock.core = this.core;
    this.flash.attach(this.clock);
    this.rebootWanted = false;
    this.ssi = new Ssi(this.flash);
    this.rp2040.peripherals[0x18000] = this.ssi;
    this.ssi.onWindow = () => this.window();
    this.flashReady = this.clock.createAlarm(() => this.window());
    this.usb = new UsbController(this);
    this.rp2040.usbCtrl = this.usb;
    this.rp2040.peripherals[0x50110] = this.usb;
    furnish(this, this.options);
    this.rom = new BootRom(this);
    this.rp2040.bootrom.set(this.rom.image());
    this.rp2040.onBreak = (code) => this.rom.onBreak(code);
    this.guard();
    this.mendCore();
    this.usb.held(true);
    this.window();
  }

  // Accesses that the chip answers with a fault, or that can only be a mistake.
  guard() {
    const { rp2040 } = this;
    const complain = (name, message) => {
      throw new Violation('bad-access', `${name}: ${message} (at ${hex(this.core.PC)})`);
    };
    rp2040.logger = {
      ...kNothing,
      warn: complain,
      error: complain,
      // Another core doesn't exist; the event that it would be sent reaches this one as well.
      info: (_, message) => {
        if (message === 'SEV') this.core.eventRegistered = true;
      },
    };
    const closed = new Forbidden('flash-window', () => {
      const why = this.ssi.obstacle() ?? 'beyond the flash chip, or a store into flash';
      return `flash is accessed at ${hex(this.core.PC)}, but: ${why}`;
    });
    for (let page = 0x10000; page < 0x14000; page += 4) rp2040.peripherals[page] = closed;
    rp2040.peripherals[0] = {
      writeUint32Atomic: (offset) => {
        // TinyUSB writes a control word that endpoint 0 hasn't got to address 0, where the chip drops it.
        if (offset !== 0) complain('ROM', `write to ${hex(offset, 4)}`);
        ++this.rom.zeroWrites;
      },
    };
    const { sramView } = rp2040;
    const writeWord = rp2040.writeUint32.bind(rp2040);
    rp2040.writeUint32 = (address, value) => {
      address >>>= 0;
      if (address & 3) complain('core', `store of a word to ${hex(address)}`);
      if (address >= kRam && address < kRamEnd) sramView.setUint32(address - kRam, value, true);
      else writeWord(address, value);
    };
  }

  // rp2040js runs a handler from inside WFI even where PRIMASK forbids it, and doesn't wake for SysTick.
  mendCore() {
    const { core } = this;
    core.setInterrupt = (irq, on) => {
      const bit = 1 << irq;
      if (on && !(core.pendingInterrupts & bit)) {
        core.pendingInterrupts |= bit;
        core.interruptsUpdated = true;
      } else if (!on) {
        core.pendingInterrupts &= ~bit;
      }
    };
  }

  // Whether the core sleeps on. What is pending and enabled wakes it, masked or not.
  asleep() {
    const { core } = this;
    if (!core.waiting) return false;
    const pending = (core.pendingInterrupts & core.enabledInterrupts) !== 0 || core.pendingSystick || core.pendingPendSV;
    if (pending) {
      core.waiting = false;
      core.interruptsUpdated = true;
    }
    return core.waiting;
  }

  // What the boot ROM does: the first 256 bytes into RAM, their checksum, and there it goes.
  boot() {
    const first = this.flash.bytes.slice(0, 256);
    const crc = new DataView(first.buffer).getUint32(252, true);
    if (boot2Crc(first.slice(0, 252)) !== crc) throw new Violation('boot2', 'the second boot stage has a wrong checksum');
    this.rp2040.sram.set(first, kBoot2 - kRam);
    this.flash.continuous = false;
    this.ssi.commandMode();
    this.core.LR = 0;
    this.core.SP = kBoot2;
    this.core.PC = kBoot2;
  }

  // The watchdog, or a reset that the firmware asks for: RAM and the watchdog's scratch registers stay.
  reboot() {
    this.rebootWanted = true;
    this.clock.limit = 0;
  }

  carryOutReboot() {
    ++this.reboots;
    const { sram } = this.rp2040;
    const { scratchData, reason } = this.rp2040.peripherals[0x40058];
    const cycle = this.clock.cycle;
    const { flash } = this;
    flash.selected = false;
    this.build();
    this.clock.slept = cycle;
    this.rp2040.sram.set(sram);
    const watchdog = this.rp2040.peripherals[0x40058];
    watchdog.scratchData.set(scratchData);
    watchdog.reason = reason;
    this.boot();
    this.onReboot?.();
  }

  // Shows the flash to the processor, or hides it.
  window() {
    const open = this.ssi.obstacle() === null;
    this.rp2040.flash = open ? this.flash.bytes.subarray(0, this.flashEnd) : kNoBytes;
    this.rp2040.flashView = open ? this.flashView() : kNoView;
    if (this.flash.busy) this.flashReady.schedule((this.flash.busyUntil - this.clock.cycle) * 8);
  }

  flashView() {
    this.view ??= new DataView(this.flash.bytes.buffer, 0, this.flashEnd);
    return this.view;
  }

  // Hides the flash from this offset on; undefined: nothing is hidden.
  showFlashUpTo(end) {
    this.flashEnd = end;
    this.view = null;
    this.window();
  }

  // ---- running ----

  get cycle() {
    return this.clock.cycle;
  }

  // Lets the chip run for so many cycles.
  run(cycles) {
    const target = this.clock.cycle + cycles;
    while (this.clock.cycle < target) {
      if (this.rebootWanted) this.carryOutReboot();
      const { clock, core } = this;
      clock.fire();
      if (this.asleep()) {
        clock.sleep(target);
        continue;
      }
      clock.limit = Math.min(target, clock.nextCycle) - clock.slept;
      this.instructions += this.burst(core, clock);
    }
  }

  // The inner loop, by itself so that it is compiled as one.
  burst(core, clock) {
    let count = 0;
    while (core.cycles < clock.limit && !core.waiting) {
      core.executeInstruction();
      ++count;
    }
    return count;
  }

  // Until the core reaches this address; for measurements and snapshots.
  runTo(address, cycles) {
    const end = this.clock.cycle + cycles;
    while (this.clock.cycle < end) {
      if (this.rebootWanted) this.carryOutReboot();
      const { clock, core } = this;
      clock.fire();
      if (this.asleep()) {
        clock.sleep(end);
        continue;
      }
      clock.limit = Math.min(end, clock.nextCycle) - clock.slept;
      while (core.cycles < clock.limit && !core.waiting) {
        if (core.PC === address) return true;
        core.executeInstruction();
        ++this.instructions;
      }
    }
    return false;
  }

  get led() {
    const { sio } = this.rp2040;
    return ((sio.gpioValue & sio.gpioOutputEnable) >>> 25) & 1;
  }

  // The BOOTSEL button.
  press(down) {
    this.flashPins.press(down);
  }
}

// A blank flash chip with this image in it: .uf2 or plain bytes from the start of the flash.
export function flashWith(file) {
  const bytes = fs.readFileSync(file);
  const flash = new NorFlash();
  if (bytes.readUInt32LE(0) !== 0x0a324655) {
    flash.bytes.set(bytes);
    return flash;
  }
  for (let at = 0; at < bytes.length; at += 512) {
    const address = bytes.readUInt32LE(at + 12);
    const length = bytes.readUInt32LE(at + 16);
    if (bytes.readUInt32LE(at + 508) !== 0x0ab16f30 || bytes.readUInt32LE(at + 28) !== 0xe48bff56) {
      throw new Error(`${file}: block ${at / 512} isn't UF2 for this chip`);
    }
    flash.bytes.set(bytes.subarray(at + 32, at + 32 + length), address - 0x10000000);
  }
  return flash;
}

// What stands around the processor on the board and has to answer: resets, ring oscillator, chip revision, watchdog, the
// flash chip's pins, LED and button.
import { addRegisters, Registers } from './registers.js';
import { generator } from './flash.js';

const kUsbReset = 1 << 24;
const kAllBlocks = 0x01ffffff;
const kRandomBit = 0x1c;
const kSelectPad = 0x5a; // after reset: input enabled, pulled up

export class Resets extends Registers {
  constructor(onUsb) {
    super('RESETS', { 0x0: kAllBlocks, 0x4: 0, 0x8: 0 });
    this.onUsb = onUsb;
  }

  get usbHeld() {
    return (this.words[0] & kUsbReset) !== 0;
  }

  readUint32(offset) {
    return offset === 0x8 ? (~this.words[0] & kAllBlocks) >>> 0 : super.readUint32(offset);
  }

  writeUint32(offset, value) {
    super.writeUint32(offset, value & kAllBlocks);
    if (offset === 0) this.onUsb();
  }
}

// Its random bit: a source with some bias, or, for a test, one that is stuck or nearly, or in step with the chip's clock.
export class RingOscillator extends Registers {
  constructor(seed, behaviour = 'good') {
    super('ROSC', { 0x0: 0xaa0, 0x4: 0, 0x8: 0, 0xc: 0, 0x10: 0x1, 0x14: 0x8, 0x18: 0x80001000, 0x1c: 1, 0x20: 0 });
    this.next = generator(seed);
    this.behaviour = behaviour;
  }

  readUint32(offset) {
    if (offset !== kRandomBit) return super.readUint32(offset);
    if (this.behaviour === 'stuck') return 1;
    if (this.behaviour === 'periodic') return (this.read = (this.read ?? 0) + 1) & 1;
    return this.next() % 1000 < (this.behaviour === 'biased' ? 950 : 520) ? 1 : 0;
  }
}

// The pins of the flash chip: an override of the chip select reaches the flash; only with its driver off can the BOOTSEL
// button, which pulls it down, be read at the pin.
export class QspiPins extends Registers {
  constructor(ssi, pin) {
    const words = {};
    for (let offset = 0; offset < 0x58; offset += 4) words[offset] = 0;
    super('IO_QSPI', words);
    this.ssi = ssi;
    this.pin = pin;
    pin.padValue = kSelectPad;
    this.press(false);
  }

  press(down) {
    this.pressed = down;
    this.pin.setInputValue(!(down && this.floating));
  }

  // As the boot ROM leaves them.
  release() {
    this.words[0x0c] = 0;
    this.press(this.pressed);
    this.ssi.force(null);
  }

  get floating() {
    return ((this.words[0x0c] >>> 12) & 3) === 2;
  }

  writeUint32(offset, value) {
    const old = this.words[offset];
    super.writeUint32(offset, value);
    if (offset !== 0x0c || value === old) return;
    const output = (value >>> 8) & 3;
    this.press(this.pressed);
    if (this.floating || output === 3) this.ssi.force('high');
    else if (output === 2) this.ssi.force('low');
    else this.ssi.force(null);
  }
}

export function furnish(chip, options) {
  const { rp2040 } = chip;
  const { peripherals, ppb } = rp2040;
  const sysinfo = peripherals[0x40000];
  const chipId = sysinfo.readUint32.bind(sysinfo);
  sysinfo.readUint32 = (offset) => (offset === 0 ? 0x20002927 : chipId(offset)); // revision B2

  chip.resets = new Resets(() => chip.usb.held(chip.resets.usbHeld));
  peripherals[0x4000c] = chip.resets;
  chip.ringOscillator = new RingOscillator(options.seed ?? 1, options.entropy);
  peripherals[0x40060] = chip.ringOscillator;
  peripherals[0x40064] = new Registers('VREG_AND_CHIP_RESET', { 0x0: 0xb1, 0x4: 0x91, 0x8: 0x100 });
  chip.flashPins = new QspiPins(chip.ssi, rp2040.qspi[1]);
  peripherals[0x40018] = chip.flashPins;
  peripherals[0x14000] = new Registers('XIP_CTRL', { 0x0: 3, 0x4: 0, 0x8: 2, 0xc: 0, 0x10: 0, 0x14: 0, 0x18: 0, 0x1c: 0 });
  for (const uart of rp2040.uart) addRegisters(uart, { 0x48: 0 }); // UARTDMACR
  // System control: sleep control, reset request, the memory protection unit (held, not enforced).
  addRegisters(ppb, { 0xd0c: 0, 0xd10: 0, 0xd14: 0x208, 0xd24: 0, 0xd90: 0x800, 0xd94: 0, 0xd98: 0, 0xd9c: 0, 0xda0: 0 });

  const watchdog = peripherals[0x40058];
  watchdog.onWatchdogTrigger = () => {
    watchdog.alarm.enable = false; // else it rings for ever within one tick
    chip.reboot();
  };
}

// The chip's USB controller as a device (RP2040 datasheet, 4.1): endpoint and buffer control words in its memory, status and
// interrupt registers, and the bus side that the host (usb_host.js) talks to. What a driver must not do throws.
import { Forbidden, Registers } from './registers.js';
import { Violation, hex } from './violation.js';

const kIrq = 5;
const kAddress = 0x00;
const kMain = 0x40;
const kSofRead = 0x48;
const kSieControl = 0x4c;
const kSieStatus = 0x50;
const kBufferStatus = 0x58;
const kShouldHandle = 0x5c;
const kAbort = 0x60;
const kAbortDone = 0x64;
const kStallArm = 0x68;
const kStallNak = 0x70;
const kMuxing = 0x74;
const kPower = 0x78;
const kIntr = 0x8c;
const kInte = 0x90;
const kIntf = 0x94;
const kInts = 0x98;

// SIE_STATUS
const kBusReset = 1 << 19;
const kTransComplete = 1 << 18;
const kSetupReceived = 1 << 17;
const kConnected = 1 << 16;
const kResume = 1 << 11;
const kSuspended = 1 << 4;
const kVbusDetected = 1 << 0;
// SIE status bit -> INTR bit
const kFromStatus = [[kBusReset, 12], [kTransComplete, 3], [kSetupReceived, 16], [kResume, 15], [kSuspended, 14]];
const kIntrSof = 1 << 17;
const kIntrBuffer = 1 << 4;
const kIntrStallNak = 1 << 19;
const kIntrConnect = 1 << 13;
const kPullUp = 1 << 16;
const kEp0PerBuffer = 1 << 29;

// Buffer control, one half
const kLength = 0x3ff;
const kAvailable = 1 << 10;
const kStall = 1 << 11;
const kSelectReset = 1 << 12;
const kPid = 1 << 13;
const kLast = 1 << 14;
const kFull = 1 << 15;
// Endpoint control
const kEnabled = 0x80000000;
const kDouble = 1 << 30;
const kPerBuffer = 1 << 29;
const kPerTwo = 1 << 28;

const kFirstControl = 0x80;
const kEndControl = 0x100;
const kPacket = 64;
const kSettle = 3; // cycles between a buffer's other bits and AVAILABLE (datasheet 4.1.2.5.1)
const kClearedByOnes = new Set([kSieStatus, kBufferStatus, kAbortDone, kStallNak]);

const kHeldMemory = new Forbidden('usb-held', () => 'USB memory, while the controller is in reset');

function blankWords() {
  const words = {};
  for (let offset = 0; offset <= kInts; offset += 4) words[offset] = 0;
  delete words[0x88];
  return words;
}

export class UsbController extends Registers {
  constructor(chip) {
    super('USB', blankWords());
    this.chip = chip;
    this.plant = {}; // faults of a driver, planted by tests (faults.js)
    this.counted = { lateSecondBuffer: 0, stalledWhileArmed: 0 };
    this.begin();
  }

  begin() {
    this.reset();
    this.control = new Uint32Array(32); // buffer control words as last written, by DPRAM word
    this.settledAt = new Float64Array(32);
    this.select = new Uint8Array(32);
    this.sofFlag = false;
    this.connectFlag = false;
    this.isHeld = true;
    this.interrupt();
  }

  // ---- reset and clock ----

  // The reset controller holds the block, or lets it go.
  held(now) {
    if (now === this.isHeld && !now) return;
    if (now) {
      this.begin();
      this.memory().fill(0);
    }
    this.isHeld = now;
    this.show();
  }

  memory() {
    this.dpram ??= this.chip.rp2040.usbDPRAM;
    this.dpramView ??= new DataView(this.dpram.buffer);
    return this.dpram;
  }

  // The memory is there for the processor when the block is out of reset.
  show() {
    this.memory();
    const { rp2040 } = this.chip;
    this.noMemory ??= { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) };
    rp2040.usbDPRAM = this.isHeld ? this.noMemory.bytes : this.dpram;
    rp2040.usbDPRAMView = this.isHeld ? this.noMemory.view : this.dpramView;
    rp2040.peripherals[0x50100] = this.isHeld ? kHeldMemory : undefined;
  }

  mustRun(what) {
    if (this.isHeld) throw new Violation('usb-held', `${what} while the controller is in reset`);
    const usbClock = this.chip.rp2040.clocks.readUint32(0x54);
    if (!(usbClock & (1 << 11))) throw new Violation('usb-clock', `${what} while clk_usb is off`);
  }

  // ---- registers, as the processor sees them ----

  readUint32(offset) {
    if (this.poweredDown(offset)) return 0;
    this.mustRun('a register is read');
    if (offset === kIntr) return this.raw();
    if (offset === kInts) return this.status();
    if (offset === kSofRead) {
      this.sofFlag = false;
      this.interrupt();
    }
    return super.readUint32(offset);
  }

  // The SDK's start-up code sets the transceiver to its lowest power before the controller runs: that is lost, and harmless.
  poweredDown(offset) {
    return this.isHeld && offset === kSieControl;
  }

  writeUint32Atomic(offset, value, alias) {
    if (this.poweredDown(offset)) return;
    this.mustRun('a register is written');
    if (kClearedByOnes.has(offset)) {
      if (this.plant.clear) value = this.plant.clear(offset, value);
      this.words[offset] = (this.words[offset] & ~value) >>> 0;
      if (offset === kSieStatus && value & kConnected) this.connectFlag = false;
      this.interrupt();
      return;
    }
    super.writeUint32Atomic(offset, value, alias);
  }

  writeUint32(offset, value) {
    if (this.plant.register) value = this.plant.register(offset, value >>> 0, this.words[offset]);
    if (offset === kIntr || offset === kInts || offset === kShouldHandle || offset === kSofRead) return;
    if (offset === kMain && value & 2) throw new Violation('usb-mode', 'the controller is made a host');
    super.writeUint32(offset, value);
    if (offset === kAbort) this.abort(value >>> 0);
    if (offset === kPower) this.vbus(value);
    if (offset === kSieControl && !(value & kPullUp)) this.onPullUp?.(false);
    this.interrupt();
  }

  abort(mask) {
    this.words[kAbortDone] = (this.words[kAbortDone] | mask) >>> 0;
  }

  vbus(value) {
    const detected = (value & 0x0c) === 0x0c;
    if (detected) this.words[kSieStatus] |= kVbusDetected;
    else this.words[kSieStatus] &= ~kVbusDetected;
  }

  raw() {
    const sie = this.words[kSieStatus];
    let raw = 0;
    for (const [bit, at] of kFromStatus) if (sie & bit) raw |= 1 << at;
    if (this.words[kBufferStatus]) raw |= kIntrBuffer;
    if (this.words[kStallNak]) raw |= kIntrStallNak;
    if (this.sofFlag) raw |= kIntrSof;
    if (this.connectFlag) raw |= kIntrConnect;
    return raw >>> 0;
  }

  status() {
    return ((this.raw() & this.words[kInte]) | this.words[kIntf]) >>> 0;
  }

  interrupt() {
    this.chip.rp2040?.setInterrupt(kIrq, this.status() !== 0);
  }

  // ---- the memory, as the processor writes it (rp2040js calls this after the write) ----

  DPRAMUpdated(offset, value) {
    this.mustRun('its memory is written');
    if (offset >= kFirstControl && offset < kEndControl) this.controlWritten(offset, value >>> 0);
    else if (offset >= kEndControl) this.dataWritten(offset);
  }

  controlWritten(offset, value) {
    const index = (offset - kFirstControl) >> 2;
    const old = this.control[index];
    const endpoint = index >> 1;
    const out = (index & 1) === 1;
    if (this.plant.control) value = this.plant.control({ endpoint, out, value, old, controller: this }) >>> 0;
    this.checkHandOver(index, old, value, `${out ? 'OUT' : 'IN'} endpoint ${endpoint}`);
    if (((old ^ value) & ~kAvailable) !== 0) this.settledAt[index] = this.chip.cycle + kSettle;
    if (value & kSelectReset) this.select[index] = 0;
    this.setControl(index, value & ~kSelectReset);
  }

  // A buffer goes to the controller by AVAILABLE, which must come last and a little later than the rest of its word; what
  // the controller has mustn't be changed, unless the endpoint is aborted or off.
  checkHandOver(index, old, value, name) {
    const given = old & kAvailable;
    const aborted = this.words[kAbort] & (1 << index) || !this.enabled(index);
    if (given && !aborted && value & kStall) {
      ++this.counted.stalledWhileArmed; // as TinyUSB does; the host is in a control transfer then and sends nothing here
    } else if (given && !aborted && ((old ^ value) & (kLength | kPid | kFull | kAvailable))) {
      throw new Violation('buffer-owned', `${name}: control word ${hex(old)} overwritten by ${hex(value)}`);
    }
    if (value & kAvailable && !given) {
      if ((old ^ value) & 0xffff & ~kAvailable & ~kSelectReset) {
        throw new Violation('available-with-length', `${name}: AVAILABLE together with the rest, ${hex(old)} to ${hex(value)}`);
      }
      if (this.chip.cycle < this.settledAt[index]) {
        throw new Violation('available-too-soon', `${name}: AVAILABLE right after the rest of the word`);
      }
      if ((value & kLength) > kPacket) throw new Violation('buffer-length', `${name}: a packet of ${value & kLength} bytes`);
    }
    const second = value >>> 16;
    if (second & kAvailable && !((old >>> 16) & kAvailable) && ((old >>> 16) ^ second) & kLength) ++this.counted.lateSecondBuffer;
  }

  dataWritten(offset) {
    for (let index = 0; index < 32; ++index) {
      if (index & 1) continue;
      for (let half = 0; half < 2; ++half) {
        if (!((this.control[index] >>> (16 * half)) & kAvailable) || !this.enabled(index)) continue;
        const from = this.bufferOf(index, half);
        const length = (this.control[index] >>> (16 * half)) & kLength;
        if (offset + 3 >= from && offset < from + length) {
          throw new Violation('buffer-owned', `the data of IN endpoint ${index >> 1} is overwritten before it is sent`);
        }
      }
    }
  }

  setControl(index, value) {
    this.control[index] = value;
    this.dpramView.setUint32(kFirstControl + 4 * index, value, true);
  }

  endpointControl(index) {
    return index < 2 ? 0 : this.dpramView.getUint32(4 * index, true);
  }

  enabled(index) {
    return index < 2 || (this.endpointControl(index) & kEnabled) !== 0;
  }

  bufferOf(index, half) {
    return (index < 2 ? 0x100 : this.endpointControl(index) & 0xffc0) + kPacket * half;
  }

  // ---- the bus ----

  // Whether a host sees a device: the pull-up is on, and everything that the pull-up needs.
  get attached() {
    if (this.isHeld) return false;
    const { words } = this;
    return (words[kMain] & 3) === 1 && (words[kSieControl] & kPullUp) !== 0 && (words[kMuxing] & 1) !== 0 &&
      (words[kPower] & 0x0c) === 0x0c;
  }

  answers(address) {
    return this.attached && (this.words[kAddress] & 0x7f) === address;
  }

  signal(bits) {
    this.words[kSieStatus] = (this.words[kSieStatus] | bits) >>> 0;
    this.interrupt();
  }

  busReset() {
    this.words[kSieStatus] &= ~kSuspended;
    this.connectFlag = true;
    this.signal(kBusReset | kConnected);
  }

  suspend() {
    this.signal(kSuspended);
  }

  resume() {
    this.words[kSieStatus] &= ~kSuspended;
    this.signal(kResume);
  }

  startOfFrame(number) {
    if (!this.attached) return;
    this.words[kSofRead] = number & 0x7ff;
    this.sofFlag = true;
    this.interrupt();
  }

  // Each gives null when nothing answers.
  setup(address, packet) {
    if (!this.answers(address)) return null;
    this.dpram.set(packet, 0);
    this.words[kStallArm] = 0;
    this.signal(kSetupReceived);
    return 'ack';
  }

  // The half of an endpoint that is next, or the handshake instead of it.
  next(address, index) {
    if (!this.answers(address) || !this.enabled(index)) return { handshake: null };
    const word = this.control[index];
    if (word & kStall && (index > 1 || this.words[kStallArm] & (1 << index))) return { handshake: 'stall' };
    const half = this.endpointControl(index) & kDouble ? this.select[index] : 0;
    const value = (word >>> (16 * half)) & 0xffff;
    return value & kAvailable ? { half, value } : { handshake: 'nak' };
  }

  in(address, endpoint) {
    const index = 2 * endpoint;
    const { handshake, half, value } = this.next(address, index);
    if (value === undefined) return handshake;
    if (!(value & kFull)) throw new Violation('in-not-full', `IN endpoint ${endpoint}: AVAILABLE without FULL`);
    const from = this.bufferOf(index, half);
    const data = this.dpram.slice(from, from + (value & kLength));
    return { data, pid: value & kPid ? 1 : 0, acknowledge: () => this.complete(index, half, value & ~kFull) };
  }

  out(address, endpoint, pid, data) {
    const index = 2 * endpoint + 1;
    const { handshake, half, value } = this.next(address, index);
    if (value === undefined) return handshake;
    if (value & kFull) throw new Violation('out-full', `OUT endpoint ${endpoint}: AVAILABLE with FULL`);
    if ((value & kPid ? 1 : 0) !== pid) {
      throw new Violation('toggle', `OUT endpoint ${endpoint} waits for DATA${value & kPid ? 1 : 0}, the host is at DATA${pid}`);
    }
    if (data.length > (value & kLength)) {
      throw new Violation('out-overflow', `OUT endpoint ${endpoint}: ${data.length} bytes into a buffer of ${value & kLength}`);
    }
    this.dpram.set(data, this.bufferOf(index, half));
    this.complete(index, half, (value & ~kLength) | data.length | kFull);
    return 'ack';
  }

  complete(index, half, value) {
    const shift = 16 * half;
    const left = value & ~kAvailable;
    this.setControl(index, ((this.control[index] & ~(0xffff << shift)) | (left << shift)) >>> 0);
    const control = this.endpointControl(index);
    if (control & kDouble) this.select[index] ^= 1;
    const told = index < 2 ? this.words[kSieControl] & kEp0PerBuffer
      : control & kPerBuffer || (control & kDouble && control & kPerTwo && (half === 1 || !this.moreInSecond(index)));
    if (told) {
      this.words[kBufferStatus] = (this.words[kBufferStatus] | (1 << index)) >>> 0;
      this.words[kShouldHandle] = half ? (this.words[kShouldHandle] | (1 << index)) >>> 0
        : (this.words[kShouldHandle] & ~(1 << index)) >>> 0;
    }
    if (value & kLast) this.words[kSieStatus] |= kTransComplete;
    this.interrupt();
  }

  moreInSecond(index) {
    return ((this.control[index] >>> 16) & kAvailable) !== 0;
  }
}

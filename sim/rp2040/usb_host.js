// A strict full-speed USB host on the chip's bus: frames, tokens, data toggles, handshakes and times as USB 2.0 wants them
// (chapters 5, 8, 9). Transfers wait side by side, as under a real host controller; each is a generator that yields after
// every transaction. What a real host would silently drop, retry for ever or mistake for something else throws a Violation.
import { cyclesOf } from './clock.js';
import { Violation, hex } from './violation.js';

export const kPacket = 64;
const kFrame = cyclesOf(1e-3);
const kEndOfFrame = cyclesOf(60e-6); // no transaction begins so late in a frame
const kNakPause = cyclesOf(20e-6);
const kAttach = 3; // seconds that a device may take until its pull-up is on
const kRetries = 3;
const kReset = 10; // frames
const kRecovery = 10;
const kRequestFrames = 500;
const kNak = Symbol('NAK');

// Cycles of the bus that a transaction with so many bytes takes: token, data, handshake, gaps.
const busTime = (bytes) => cyclesOf((bytes + 13) * 8 / 12e6);

class Transfer {
  constructor(host, pipe, name, steps, frames) {
    this.pipe = pipe;
    this.name = name;
    this.steps = steps(this);
    this.end = host.frame + (frames ?? Infinity);
    this.done = false;
    this.status = null; // 'ok', 'stall', 'timeout', 'cancelled'
    this.data = Buffer.alloc(0);
    this.naks = 0;
  }

  finish(status) {
    this.done = true;
    this.status = status;
    return undefined;
  }
}

export class UsbHost {
  constructor(chip) {
    this.chip = chip;
    this.frame = 0;
    this.nextFrame = chip.cycle;
    this.forget();
  }

  forget() {
    this.address = 0;
    this.toggles = new Map();
    this.transfers = [];
    this.turn = 0;
    this.polling = new Map(); // interrupt endpoint -> frames between polls
    this.nextPoll = new Map();
  }

  get usb() {
    return this.chip.usb;
  }

  // ---- time ----

  startFrame() {
    this.nextFrame = this.chip.cycle + kFrame;
    this.frame = (this.frame + 1) >>> 0;
    this.usb.startOfFrame(this.frame);
    for (const transfer of this.transfers) {
      if (this.frame > transfer.end) transfer.finish('timeout');
    }
    this.transfers = this.transfers.filter((transfer) => !transfer.done);
  }

  // One transaction of whichever transfer is next, or a little time.
  slot() {
    const { chip } = this;
    if (chip.cycle >= this.nextFrame) this.startFrame();
    if (this.nextFrame - chip.cycle < kEndOfFrame) {
      chip.run(this.nextFrame - chip.cycle);
      return;
    }
    for (let tries = this.transfers.length; tries > 0; --tries) {
      this.turn = (this.turn + 1) % this.transfers.length;
      const transfer = this.transfers[this.turn];
      if (this.transfers.find(({ pipe }) => pipe === transfer.pipe) !== transfer) continue; // one after the other
      const step = transfer.steps.next();
      if (step.done) {
        this.transfers.splice(this.turn, 1);
        this.turn = 0;
        chip.run(busTime(0));
        return;
      }
      if (step.value !== kNak) {
        chip.run(step.value);
        return;
      }
      ++transfer.naks;
    }
    chip.run(Math.max(1, Math.min(this.pause(), this.nextFrame - chip.cycle)));
  }

  // Until the next try, where everything was answered by NAK: longer while nothing moves on the chip either.
  pause() {
    if (this.transfers.length === 0) return kFrame;
    return this.chip.core.waiting ? 10 * kNakPause : kNakPause;
  }

  // Until condition() holds; false when that takes more than so many frames.
  until(condition, frames) {
    const end = this.frame + frames;
    while (!condition()) {
      if (this.frame > end) return false;
      this.slot();
    }
    return true;
  }

  pass(frames) {
    this.until(() => false, frames - 1);
  }

  // ---- transfers ----

  submit(pipe, name, steps, frames) {
    const transfer = new Transfer(this, pipe, name, steps, frames);
    this.transfers.push(transfer);
    return transfer;
  }

  cancel(transfer) {
    if (!transfer.done) transfer.finish('cancelled');
    this.transfers = this.transfers.filter((other) => other !== transfer);
  }

  wait(transfer) {
    this.until(() => transfer.done, Infinity);
    return transfer;
  }

  // Does a transaction until something answers; the third silence is one too many.
  * answered(transaction, what) {
    for (let tries = 1; ; ++tries) {
      const answer = transaction();
      if (answer !== null) return answer;
      if (tries === kRetries) throw new Violation('no-response', `${what}: nothing answers at address ${this.address}`);
      yield busTime(0);
    }
  }

  toggle(key) {
    return this.toggles.get(key) ?? 0;
  }

  // An IN packet with the expected toggle; 'stall' when the endpoint is halted.
  * packet(endpoint, toggle, most) {
    for (;;) {
      const answer = yield* this.answered(() => this.usb.in(this.address, endpoint), `IN endpoint ${endpoint}`);
      if (answer === 'stall') return answer;
      if (answer === 'nak') {
        yield kNak;
        continue;
      }
      if (answer.pid !== toggle) {
        throw new Violation('toggle', `IN endpoint ${endpoint} sends DATA${answer.pid}, the host is at DATA${toggle}`);
      }
      if (answer.data.length > most) {
        throw new Violation('babble', `IN endpoint ${endpoint} sends ${answer.data.length} bytes where ${most} are room for`);
      }
      answer.acknowledge();
      return answer.data;
    }
  }

  * send(endpoint, toggle, data) {
    for (;;) {
      const answer = yield* this.answered(() => this.usb.out(this.address, endpoint, toggle, data), `OUT endpoint ${endpoint}`);
      if (answer !== 'nak') return answer;
      yield kNak;
    }
  }

  // Bulk or interrupt IN: until a short packet, or `length` bytes.
  submitIn(endpoint, length, frames) {
    const key = `in${endpoint}`;
    return this.submit(key, key, (transfer) => this.inSteps(transfer, endpoint, key, length), frames);
  }

  * inSteps(transfer, endpoint, key, length) {
    for (;;) {
      const room = Math.min(kPacket, length - transfer.data.length);
      while (this.frame < (this.nextPoll.get(endpoint) ?? 0)) yield kNak;
      if (this.polling.has(endpoint)) this.nextPoll.set(endpoint, this.frame + this.polling.get(endpoint));
      const data = yield* this.packet(endpoint, this.toggle(key), room);
      if (data === 'stall') return transfer.finish('stall');
      this.toggles.set(key, this.toggle(key) ^ 1);
      transfer.data = Buffer.concat([transfer.data, data]);
      if (data.length < kPacket || transfer.data.length >= length) return transfer.finish('ok');
      yield busTime(data.length);
    }
  }

  // Bulk OUT; zero: a zero-length packet after a last packet of full length.
  submitOut(endpoint, data, { zero = false, frames } = {}) {
    const key = `out${endpoint}`;
    return this.submit(key, key, (transfer) => this.outSteps(transfer, endpoint, key, data, zero), frames);
  }

  * outSteps(transfer, endpoint, key, data, zero) {
    let at = 0;
    for (;;) {
      const piece = data.subarray(at, at + kPacket);
      const answer = yield* this.send(endpoint, this.toggle(key), piece);
      if (answer === 'stall') return transfer.finish('stall');
      this.toggles.set(key, this.toggle(key) ^ 1);
      at += piece.length;
      transfer.sent = at;
      if (at >= data.length && !(zero && piece.length === kPacket)) return transfer.finish('ok');
      yield busTime(piece.length);
    }
  }

  // ---- control transfers (USB 2.0, 8.5.3) ----

  submitControl(setup, data = Buffer.alloc(0), frames = undefined) {
    const name = `control ${Buffer.from(setup).toString('hex')}`;
    return this.submit('control', name, (transfer) => this.controlSteps(transfer, setup, data), frames);
  }

  * controlSteps(transfer, setup, data) {
    const wanted = setup[6] | (setup[7] << 8);
    yield* this.answered(() => this.usb.setup(this.address, setup), transfer.name);
    yield busTime(8);
    let toggle = 1;
    if (setup[0] & 0x80) {
      while (transfer.data.length < wanted) {
        const piece = yield* this.packet(0, toggle, Math.min(kPacket, wanted - transfer.data.length));
        if (piece === 'stall') return transfer.finish('stall');
        toggle ^= 1;
        transfer.data = Buffer.concat([transfer.data, piece]);
        if (piece.length < kPacket) break;
        yield busTime(piece.length);
      }
      if ((yield* this.send(0, 1, Buffer.alloc(0))) === 'stall') return transfer.finish('stall');
      return transfer.finish('ok');
    }
    for (let at = 0; at < wanted; at += kPacket) {
      const piece = data.subarray(at, Math.min(at + kPacket, wanted));
      if ((yield* this.send(0, toggle, piece)) === 'stall') return transfer.finish('stall');
      toggle ^= 1;
      yield busTime(piece.length);
    }
    const status = yield* this.packet(0, 1, kPacket);
    if (status === 'stall') return transfer.finish('stall');
    if (status.length !== 0) throw new Violation('status-stage', `a status stage of ${status.length} bytes`);
    return transfer.finish('ok');
  }

  // A request by itself; gives { status, data }, and throws when it isn't answered in time.
  control(setup, data) {
    const transfer = this.wait(this.submitControl(setup, data, kRequestFrames));
    if (transfer.status === 'timeout') {
      throw new Violation('request-time', `${transfer.name} isn't through after ${kRequestFrames} ms`);
    }
    return transfer;
  }

  request(type, code, value, index, lengthOrData) {
    const data = Buffer.isBuffer(lengthOrData) ? lengthOrData : Buffer.alloc(0);
    const length = Buffer.isBuffer(lengthOrData) ? data.length : lengthOrData;
    const setup = Buffer.from([type, code, value & 0xff, value >> 8, index & 0xff, index >> 8, length & 0xff, length >> 8]);
    return this.control(setup, data);
  }

  mustRequest(what, ...parameters) {
    const { status, data } = this.request(...parameters);
    if (status !== 'ok') throw new Violation('request', `${what}: ${status}`);
    return data;
  }

  // ---- attaching ----

  waitForPullUp() {
    if (!this.until(() => this.usb.attached, kAttach * 1000)) {
      throw new Violation('pull-up', `no device on the bus after ${kAttach} s`);
    }
  }

  busReset() {
    this.forget();
    this.usb.busReset();
    // Ten milliseconds of reset, in which there are no frames.
    this.chip.run(kReset * kFrame);
    this.nextFrame = this.chip.cycle;
    this.pass(kRecovery);
  }

  // The bus rests: no frames for so long. The device must take it for suspend after 3 ms.
  suspend(seconds) {
    this.chip.run(cyclesOf(3e-3));
    this.usb.suspend();
    this.chip.run(cyclesOf(seconds));
    this.usb.resume();
    this.nextFrame = this.chip.cycle;
    this.pass(kRecovery);
  }

  setAddress(address) {
    this.mustRequest(`SET_ADDRESS ${address}`, 0x00, 0x05, address, 0, 0);
    this.address = address;
    this.pass(2);
  }

  setConfiguration(value) {
    this.mustRequest(`SET_CONFIGURATION ${value}`, 0x00, 0x09, value, 0, 0);
    this.toggles = new Map();
  }

  clearHalt(endpointAddress) {
    this.mustRequest(`CLEAR_FEATURE halt ${hex(endpointAddress, 2)}`, 0x02, 0x01, 0, endpointAddress, 0);
    this.toggles.set(`${endpointAddress & 0x80 ? 'in' : 'out'}${endpointAddress & 0xf}`, 0);
  }
}

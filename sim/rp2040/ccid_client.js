// A CCID host on the strict USB host (CCID 1.1, 6): each answer's type, slot, sequence number, length, status and reserved
// bytes are checked, and that each message ends on the bus as USB wants it.
import { kPacket } from './usb_host.js';
import { Violation } from './violation.js';

export const kHeader = 10;
const kIconPowerOn = 0x62;
const kIccPowerOff = 0x63;
const kGetSlotStatus = 0x65;
const kXfrBlock = 0x6f;
const kDataBlock = 0x80;
const kSlotStatus = 0x81;
const kAnswers = { [kIconPowerOn]: kDataBlock, [kIccPowerOff]: kSlotStatus, [kGetSlotStatus]: kSlotStatus, [kXfrBlock]: kDataBlock };
const kTimeExtension = 2;
const kMostFrames = 600000;
const kAnswerFrames = 2000; // without even a time extension
const kEndFrames = 50; // for a zero-length packet that should be there already

function check(condition, rule, message) {
  if (!condition) throw new Violation(rule, message);
}

export class CcidClient {
  // found: what enumerate() gave.
  constructor(host, found) {
    const endpoints = [...found.endpoints.values()];
    this.host = host;
    this.out = endpoints.find(({ kind, address }) => kind === 2 && !(address & 0x80)).address;
    this.in = endpoints.find(({ kind, address }) => kind === 2 && address & 0x80).address & 0xf;
    this.longest = found.ccid.longest;
    this.sequence = 0;
    this.extensions = 0;
    this.zero = false; // whether messages of whole packets are ended by a zero-length one
  }

  message(type, data = Buffer.alloc(0), parameters = [0, 0, 0]) {
    const head = Buffer.alloc(kHeader);
    head[0] = type;
    head.writeUInt32LE(data.length, 1);
    head[6] = this.sequence;
    head.set(parameters, 7);
    return Buffer.concat([head, data]);
  }

  // Sends a message and gives the answer that isn't a time extension.
  exchange(type, data, parameters) {
    const { host } = this;
    const message = this.message(type, data, parameters);
    check(message.length <= this.longest, 'ccid-client', `a message of ${message.length}`);
    const sent = host.wait(host.submitOut(this.out, message, { zero: this.zero, frames: kAnswerFrames }));
    check(sent.status === 'ok', 'ccid-out', `a message of ${message.length} bytes: ${sent.status} after ${sent.sent ?? 0}`);
    const begun = host.frame;
    for (;;) {
      const answer = this.receive();
      this.checkAnswer(answer, kAnswers[type]);
      if (answer[7] >> 6 === kTimeExtension) {
        check(type === kXfrBlock || type === kIconPowerOn, 'ccid-status', 'a time extension for a message that needs none');
        check(answer[8] >= 1 && answer.length === kHeader, 'ccid-status', 'a time extension with no factor, or with data');
        ++this.extensions;
        check(host.frame - begun < kMostFrames, 'ccid-time', 'time extensions without end');
        continue;
      }
      this.sequence = (this.sequence + 1) & 0xff;
      return answer;
    }
  }

  receive() {
    const { host } = this;
    const transfer = host.submitIn(this.in, this.longest + kPacket - (this.longest % kPacket), kAnswerFrames);
    const complete = () => transfer.data.length >= kHeader && transfer.data.length >= kHeader + transfer.data.readUInt32LE(1);
    host.until(() => transfer.done || complete(), Infinity);
    host.until(() => transfer.done, kEndFrames);
    if (!transfer.done) {
      host.cancel(transfer);
      throw new Violation('no-zero-length-packet', `a message of ${transfer.data.length} bytes is never ended`);
    }
    check(transfer.status === 'ok', 'ccid-in', `no whole answer: ${transfer.status} after ${transfer.data.length} bytes`);
    return transfer.data;
  }

  checkAnswer(answer, type) {
    check(answer.length >= kHeader, 'ccid-message', `an answer of ${answer.length} bytes`);
    check(answer.readUInt32LE(1) === answer.length - kHeader, 'ccid-length', `dwLength ${answer.readUInt32LE(1)} in ${answer.length} bytes`);
    check(answer[0] === type, 'ccid-message', `message ${answer[0].toString(16)}, ${type.toString(16)} expected`);
    check(answer[5] === 0, 'ccid-message', `slot ${answer[5]}`);
    check(answer[6] === this.sequence, 'ccid-sequence', `sequence number ${answer[6]}, ${this.sequence} expected`);
    check((answer[7] & 0x3c) === 0 && (answer[7] & 3) !== 3, 'ccid-status', `bStatus ${answer[7]}`);
  }

  succeeded(answer, what) {
    check(answer[7] >> 6 === 0, 'ccid-failed', `${what}: bStatus ${answer[7]}, bError ${answer[8]}`);
    return answer.subarray(kHeader);
  }

  // The ATR.
  powerOn() {
    const atr = this.succeeded(this.exchange(kIconPowerOn, undefined, [0, 0, 0]), 'power on');
    check(atr.length >= 2 && (atr[0] === 0x3b || atr[0] === 0x3f), 'ccid-atr', `ATR ${atr.toString('hex')}`);
    return atr;
  }

  powerOff() {
    this.succeeded(this.exchange(kIccPowerOff), 'power off');
  }

  slotStatus() {
    return this.exchange(kGetSlotStatus)[7] & 3;
  }

  transmit(apdu) {
    return this.succeeded(this.exchange(kXfrBlock, Buffer.from(apdu)), 'exchange');
  }
}

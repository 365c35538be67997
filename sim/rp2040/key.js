// A key on the emulated board, plugged into the strict host: what the sockets (serve.js) and the tests in Node hold in hand.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { CcidClient } from './ccid_client.js';
import { Chip, flashWith } from './chip.js';
import { enumerate } from './enumerate.js';
import { NorFlash } from './flash.js';
import { snapshot } from './snapshot.js';
import { UsbHost } from './usb_host.js';
import { PowerCut } from './violation.js';

const kMarkCycles = 60 * 125e6;
const kManufacture = Buffer.from('802e000060', 'hex');

export class BoardKey {
  // image: the firmware (.bin, .uf2); flashFile: the flash chip's bytes, kept there, made from the image when there are none
  // yet; birthRecord: where the transport keys go when the key is made. Other options: chip.js.
  constructor({ image, flashFile, birthRecord, ...options }) {
    this.flashFile = flashFile;
    this.birthRecord = birthRecord;
    this.options = options;
    const kept = flashFile && fs.existsSync(flashFile);
    this.flash = kept ? new NorFlash(fs.readFileSync(flashFile)) : flashWith(image);
    this.log = [];
    this.lastCut = null;
    this.chip = null;
    this.marked = null;
    this.recorded = null;
  }

  get plugged() {
    return this.chip !== null;
  }

  // Power on, enumeration, ATR. A power cut within leaves it unplugged.
  plug() {
    if (this.plugged) return;
    this.powerUp();
    try {
      this.attach();
    } catch (error) {
      this.powerLost(error, 'start');
    }
  }

  powerUp() {
    if (this.startAtMark()) return;
    this.chip = new Chip(this.flash, this.options);
    if (this.options.mark) this.reachMark();
  }

  // Starting takes millions of instructions, all of them alike until the firmware looks at its part of the flash. options.mark
  // { address, data }: the state at this address of the code is kept at the first start, and every later one begins there with
  // the flash as it is then. The flash from `data` on is out of sight until there: who reads it earlier meets a violation.
  reachMark() {
    const { address, data } = this.options.mark;
    const { chip } = this;
    chip.showFlashUpTo(data);
    if (!chip.runTo(address, kMarkCycles)) throw new Error(`the firmware doesn't come by 0x${address.toString(16)}`);
    chip.showFlashUpTo(undefined);
    this.marked = { chip, restore: snapshot(chip), front: Buffer.from(this.flash.bytes.slice(0, data)) };
  }

  startAtMark() {
    const { marked, flash } = this;
    if (!marked || !marked.front.equals(Buffer.from(flash.bytes.buffer, 0, marked.front.length))) return false;
    const { operations } = flash;
    const content = flash.bytes.slice();
    marked.restore();
    flash.bytes.set(content);
    Object.assign(flash, { operations, cut: null });
    this.chip = marked.chip;
    return true;
  }

  // Notes every flash operation from now on, for leave().
  record() {
    this.recorded = { base: this.flash.bytes.slice(), operations: [] };
    this.flash.recording = this.recorded.operations;
  }

  endRecord() {
    this.flash.recording = null;
    return this.recorded.operations.length;
  }

  // Starts with the flash that a power cut at the number-th recorded operation would have left: what the chip had in its memory
  // is gone then, so that there is no need to run the command again for each.
  leave(number, kind) {
    const { base, operations } = this.recorded;
    if (!(number >= 1 && number <= operations.length)) throw new Error(`${operations.length} operations were recorded`);
    this.chip = null;
    this.flash.bytes.set(base);
    for (const { offset, wanted } of operations.slice(0, number - 1)) this.flash.bytes.set(wanted, offset);
    this.lastCut = { command: 'recorded', ...this.flash.tearHere(operations[number - 1], number, kind) };
    this.plug();
  }

  // Enumerates anew on the chip as it runs.
  attach() {
    this.host = new UsbHost(this.chip);
    this.found = enumerate(this.host);
    this.client = new CcidClient(this.host, this.found);
    this.atr = this.client.powerOn();
  }

  unplug() {
    this.chip = null;
    this.save();
  }

  powerLost(error, command) {
    if (!(error instanceof PowerCut)) throw error;
    this.lastCut = { command, ...error.report };
    this.unplug();
  }

  save() {
    if (this.flashFile) fs.writeFileSync(this.flashFile, this.flash.bytes);
  }

  // The answer; null when the power went.
  transmit(apdu) {
    const before = this.counts();
    let answer = null;
    try {
      answer = this.client.transmit(apdu);
    } catch (error) {
      this.powerLost(error, apdu.subarray(0, 4).toString('hex'));
    }
    const after = this.plugged ? this.counts() : before;
    const used = Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
    // No more of a command than its head, and of an answer than its status word: the rest may be secret.
    this.log.push({ number: this.log.length + 1, command: apdu.subarray(0, 5).toString('hex') + (apdu.length > 5 ? '..' : ''),
      bytes: apdu.length, response: answer ? answer.subarray(-2).toString('hex') : '', answered: answer?.length ?? 0, ...used });
    return answer;
  }

  counts() {
    return { instructions: this.chip.instructions, cycles: this.chip.cycle, flash_operations: this.flash.operations,
      time_extensions: this.client.extensions };
  }

  reset() {
    this.atr = this.client.powerOn();
  }

  powerOff() {
    this.client.powerOff();
  }

  // The factory's part: transport keys into a blank key, and its record.
  manufacture() {
    const keys = crypto.randomBytes(96);
    const answer = this.transmit(Buffer.concat([kManufacture, keys, Buffer.from([0])]));
    if (answer === null) return;
    if (answer.subarray(-2).toString('hex') !== '9000') throw new Error(`MANUFACTURE is answered ${answer.toString('hex')}`);
    const [enc, mac, dek] = [0, 32, 64].map((at) => keys.subarray(at, at + 32).toString('hex'));
    const record = { chip_id: answer.subarray(0, -2).toString('hex'), transport_keys: { enc, mac, dek } };
    if (this.birthRecord) fs.writeFileSync(this.birthRecord, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
    this.save();
  }
}

// A key on the emulated board, plugged into the strict host: what the sockets (serve.js) and the tests in Node hold in hand.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { CcidClient } from './ccid_client.js';
import { Chip, flashWith } from './chip.js';
import { enumerate } from './enumerate.js';
import { NorFlash } from './flash.js';
import { UsbHost } from './usb_host.js';
import { PowerCut } from './violation.js';

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
    this.chip = new Chip(this.flash, this.options);
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

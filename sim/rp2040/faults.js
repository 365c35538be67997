#!/usr/bin/env node
// Faults that a driver for this chip can have, planted one after the other between the firmware and the emulated hardware, or
// in the image: each must be caught, and by the rule that it breaks. Without one, the same exercise must go through.
//
//   node sim/rp2040/faults.js --flash FILE [NAME...]     FILE: a made key's flash chip, with an object of 700 bytes in 5FC105
//
// Prints a line a fault; exit code 1 when one wasn't caught, or by another rule.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { BoardKey } from './key.js';
import { snapshot } from './snapshot.js';

const kAvailable = 1 << 10;
const kLength = 0x3ff;
const kPid = 1 << 13;
const kFull = 1 << 15;
const kStall = 1 << 11;
const kSieControl = 0x4c;
const kStallArm = 0x68;
const kPullUp = 1 << 16;
const kDpram = 0x50100000;

// Changes a buffer control word that the driver writes; only those that hand a buffer over with `handsOver`.
const onControl = (endpoint, out, change, { handsOver = true } = {}) => (key) => {
  key.chip.usb.plant.control = (write) => {
    if (write.endpoint !== endpoint || write.out !== out || (handsOver && !(write.value & kAvailable))) return write.value;
    return change(write);
  };
};
const onRegister = (wanted, change) => (key) => {
  key.chip.usb.plant.register = (offset, value, old) => (offset === wanted ? change(value, old, key) : value);
};
// In place of a function of the emulated hardware.
const instead = (object, name, replacement) => {
  const original = object[name].bind(object);
  object[name] = (...parameters) => replacement(original, ...parameters);
};
// The message that waits in bulk IN's buffer, changed before it leaves.
const onMessage = (change) => onControl(1, false, ({ value, controller }) => {
  const from = controller.bufferOf(2, 0);
  change(controller.dpram.subarray(from, from + 64));
  return value;
});
// Bytes of the image, changed in the flash chip before power on.
const inImage = (find, change) => (key) => {
  const at = Buffer.from(key.flash.bytes.buffer).indexOf(Buffer.from(find, 'hex'));
  if (at < 0) throw new Error(`the image has no ${find}`);
  change(key.flash.bytes.subarray(at));
};

const [image, start, running] = ['image', 'start', 'running'];

// name, the rule that catches it, when it is planted (before power on, before the device is enumerated, or on the configured device), and how.
const kFaults = [
  // ---- data toggles ----
  ['bulk-in-toggle', 'toggle', running, onControl(1, false, ({ value }) => value ^ kPid, { handsOver: false })],
  ['bulk-out-toggle', 'toggle', running, onControl(1, true, ({ value }) => value ^ kPid, { handsOver: false })],
  ['control-data-begins-with-data0', 'toggle', running, onControl(0, false, ({ value }) => value & ~kPid, { handsOver: false })],
  ['status-stage-data0', 'toggle', running, onControl(0, true, ({ value }) => value & ~kPid, { handsOver: false })],
  ['toggle-kept-over-clear-halt', 'toggle', running, (key) => instead(key.host, 'clearHalt', (original, endpoint) => {
    original(endpoint);
    onControl(1, false, ({ value }) => value ^ kPid, { handsOver: false })(key);
  })],
  // ---- buffers and their hand-over ----
  ['no-zero-length-packet', 'no-zero-length-packet', running,
    onControl(1, false, ({ value, old }) => (value & kLength ? value : old & ~kAvailable))],
  ['available-with-length', 'available-with-length', running,
    onControl(1, false, ({ value, old }) => (value & kAvailable ? value : old), { handsOver: false })],
  ['out-available-with-length', 'available-with-length', running,
    onControl(1, true, ({ value, old }) => (value & kAvailable ? value : old), { handsOver: false })],
  ['no-pause-before-available', 'available-too-soon', running, onControl(1, false, ({ value, controller }) => {
    controller.settledAt[2] = controller.chip.cycle + 1;
    return value;
  })],
  ['in-without-full', 'in-not-full', running, onControl(1, false, ({ value }) => value & ~kFull, { handsOver: false })],
  ['packet-too-long', 'buffer-length', running,
    onControl(1, false, ({ value }) => (value & kLength ? (value & ~kLength) | 65 : value), { handsOver: false })],
  ['packet-too-short', 'ccid-length', running,
    onControl(1, false, ({ value }) => ((value & kLength) === 64 ? value - 1 : value), { handsOver: false })],
  ['out-buffer-too-small', 'out-overflow', running,
    onControl(1, true, ({ value }) => (value & ~kLength) | 8, { handsOver: false })],
  ['data-changed-after-hand-over', 'buffer-owned', running, (key) => {
    const { rp2040, usb } = key.chip;
    instead(usb, 'setControl', (original, index, value) => {
      original(index, value);
      if (index === 2 && value & kAvailable) rp2040.writeUint32(kDpram + usb.bufferOf(2, 0), 0);
    });
  }],
  ['control-word-overwritten', 'buffer-owned', running, (key) => {
    const { rp2040, usb } = key.chip;
    instead(usb, 'setControl', (original, index, value) => {
      original(index, value);
      if (index === 2 && value & kAvailable) rp2040.writeUint32(kDpram + 0x88, 0);
    });
  }],
  ['buffer-status-not-cleared', 'ccid-in', running, (key) => {
    key.chip.usb.plant.clear = (offset, value) => (offset === 0x58 ? 0 : value);
  }],
  // ---- address, pull-up, stalls ----
  ['address-set-at-once', 'no-response', start, (key) => instead(key.chip.usb, 'setup', (original, address, packet) => {
    const answer = original(address, packet);
    if (packet[0] === 0 && packet[1] === 5) key.chip.usb.words[0] = packet[2];
    return answer;
  })],
  ['address-never-set', 'no-response', start, onRegister(0, () => 0)],
  ['address-kept-over-bus-reset', 'no-response', running, onRegister(0, (value, old) => value || old)],
  ['no-pull-up', 'pull-up', start, onRegister(kSieControl, (value) => value & ~kPullUp)],
  ['pull-up-lost', 'no-response', running, (key) => {
    key.chip.usb.words[kSieControl] &= ~kPullUp;
  }],
  ['stall-not-armed', 'request-time', running, onRegister(kStallArm, () => 0)],
  ['bulk-in-stalled', 'ccid-in', running, onControl(1, false, ({ value }) => (value & ~kAvailable) | kStall)],
  ['bulk-out-stalled', 'ccid-out', running, onControl(1, true, ({ value }) => (value & ~kAvailable) | kStall)],
  ['bulk-in-never-armed', 'ccid-in', running, onControl(1, false, ({ value }) => value & ~kAvailable)],
  ['status-stage-with-data', 'status-stage', running,
    onControl(0, false, ({ value }) => ((value & kLength) === 0 ? value | 4 : value), { handsOver: false })],
  // ---- clocks and resets ----
  ['controller-back-in-reset', 'no-response', running, (key) => {
    key.chip.rp2040.writeUint32(0x4000e000, 1 << 24);
    key.chip.run(2e6);
  }],
  ['register-read-in-reset', 'usb-held', running, (key) => {
    key.chip.rp2040.writeUint32(0x4000e000, 1 << 24);
    key.chip.rp2040.readUint32(0x50110050);
  }],
  ['usb-clock-stopped', 'usb-clock', running, (key) => key.chip.rp2040.writeUint32(0x4000b054, 1 << 11)],
  // ---- descriptors and messages ----
  ['configuration-length', 'descriptor', image, inImage('09025d00', (bytes) => { bytes[2] += 1; })],
  ['two-endpoints-alike', 'descriptor', image, inImage('0705810240', (bytes) => { bytes[2] = 0x82; })],
  ['ccid-descriptor-length', 'descriptor', image, inImage('36211001', (bytes) => { bytes[0] = 0x35; })],
  ['sequence-number', 'ccid-sequence', running, onMessage((bytes) => { if (bytes[0] === 0x81) bytes[6] ^= 1; })],
  ['message-type', 'ccid-message', running, onMessage((bytes) => { if (bytes[0] === 0x81) bytes[0] = 0x80; })],
  ['reserved-status-bits', 'ccid-status', running, onMessage((bytes) => { if (bytes[0] === 0x81) bytes[7] |= 4; })],
  // ---- flash ----
  ['boot-stage-checksum', 'boot2', image, (key) => { key.flash.bytes[5] ^= 1; }],
  ['flash-code-in-flash', 'flash-caller', running, (key) => instead(key.chip.rom, 'connect', (original) => {
    key.chip.core.LR = 0x10001001;
    original();
  })],
  ['interrupts-while-erasing', 'flash-window', running, (key) => {
    const { core, rom } = key.chip;
    instead(rom, 'inTurn', (original, ...parameters) => {
      core.PM = false;
      core.interruptsUpdated = true;
      original(...parameters);
    });
  }],
  ['flash-read-while-busy', 'flash-window', running, (key) => instead(key.chip.rom, 'inTurn', (original, ...parameters) => {
    original(...parameters);
    key.chip.rp2040.readUint32(0x10000000);
  })],
  ['cache-not-flushed', 'flash-window', running, (key) => instead(key.chip.rom, 'flushCache', (original) => {
    original();
    key.chip.ssi.cacheStale = true;
  })],
  ['window-not-left', 'flash-order', running, (key) => instead(key.chip.rom, 'leaveWindow', () => {})],
  ['flash-not-connected', 'flash-order', running, (key) => instead(key.chip.rom, 'connect', () => {})],
  ['program-from-flash', 'flash-source', running, (key) => instead(key.chip.rom, 'program', (original) => {
    key.chip.core.registers[1] = 0x10000000;
    original();
  })],
  ['program-unaligned', 'flash-alignment', running, (key) => instead(key.chip.rom, 'program', (original) => {
    key.chip.core.registers[0] += 4;
    original();
  })],
  ['program-without-page', 'flash-alignment', running, (key) => instead(key.chip.rom, 'program', (original) => {
    key.chip.core.registers[2] = 4;
    original();
  })],
  ['quad-not-enabled', 'flash-quad', start, (key) => instead(key.flash, 'writeStatus', () => {})],
  ['status-without-write-enable', 'flash-write-enable', start, (key) => instead(key.flash, 'select', (original) => {
    key.flash.writeEnabled = false;
    original();
  })],
  ['store-into-flash', 'flash-window', running, (key) => key.chip.rp2040.writeUint32(0x10000000, 0)],
  ['store-into-rom', 'bad-access', running, (key) => key.chip.rp2040.writeUint32(0x20, 0)],
  ['word-access-unaligned', 'bad-access', running, (key) => key.chip.rp2040.writeUint32(0x20000002, 0)],
  ['register-that-does-not-exist', 'bad-access', running, (key) => key.chip.rp2040.writeUint32(0x40064030, 0)],
];

// Sizes of answers around whole packets, a command that writes flash, control requests that stall, halts cleared in between.
function exercise(key) {
  const { client, host } = key;
  client.slotStatus();
  host.mustRequest('GET_STATUS', 0x80, 0, 0, 0, 2);
  for (const size of [1, 52, 53, 51, 52, 116, 500, 501, 436]) {
    const answer = client.transmit(Buffer.from([0, 0xcb, 0x3f, 0xff, 0, 0, 5, 0x5c, 3, 0x5f, 0xc1, 5, size >> 8, size & 0xff]));
    if (answer.length !== size + 2) throw new Error(`${answer.length} bytes in answer to a request for ${size}`);
  }
  for (const size of [9, 49, 50, 51, 113, 114, 115, 700]) {
    client.zero = (size & 1) === 1;
    client.transmit(Buffer.concat([Buffer.from([0, 0x20, 0, 0x80, 0, size >> 8, size & 0xff]), Buffer.alloc(size)]));
  }
  host.clearHalt(0x80 | client.in);
  host.clearHalt(client.out);
  client.slotStatus();
  if (host.request(0xc0, 0x77, 0, 0, 8).status !== 'stall') throw new Error('an unknown request is not refused');
  // A wrong PIN is written down before it is compared.
  const operations = key.flash.operations;
  client.transmit(Buffer.from('0020008008313131313131ffff', 'hex'));
  if (key.flash.operations === operations) throw new Error('a wrong PIN is written nowhere');
  host.busReset();
  key.attach();
  key.client.powerOff();
}

// The rule by which a fault was caught; null when nothing was noticed.
function caught(key, when, plant, restore) {
  try {
    if (when !== running) {
      if (when === image) plant(key);
      key.powerUp();
      if (when === start) plant(key);
      key.attach();
    } else {
      restore();
      plant(key);
    }
    exercise(key);
  } catch (error) {
    if (error.rule) return error.rule;
    throw error;
  }
  return null;
}

const { values, positionals } = parseArgs({ options: { flash: { type: 'string' } }, allowPositionals: true });
const bytes = fs.readFileSync(values.flash);
const fresh = () => {
  const key = new BoardKey({ flashFile: values.flash });
  key.flashFile = undefined; // read, not written
  return key;
};
const configured = fresh();
configured.plug();
const restore = snapshot(configured);
let missed = 0;
const planted = [['none', null, running, () => {}], ...kFaults].filter(([name]) => !positionals.length || positionals.includes(name));
for (const [name, rule, when, plant] of planted) {
  const key = when === running ? configured : fresh();
  const by = caught(key, when, plant, restore);
  const good = by === rule;
  if (!good) ++missed;
  console.log(`${good ? 'good' : 'MISS'} ${name}: ${by ?? 'nothing'}${good ? '' : `, ${rule ?? 'nothing'} expected`}`);
}
console.log(`${planted.length} exercises, ${missed} missed`);
process.exit(missed ? 1 : 0);

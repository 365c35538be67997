#!/usr/bin/env node
// What happens on a bus besides commands, on the board's image: sleep, resets and aborts while a command runs, messages that stop
// half-way, and a chip whose noise source is broken.
//
// --flash (cases.js): a key of the compatibility profile with a P-256 key in 9E.
import assert from 'node:assert';
import { runCases } from './cases.js';
import { kHeader } from './ccid_client.js';
import { BoardKey } from './key.js';

const kSelect = Buffer.from('00a4040005a00000030800', 'hex');
const kVerify = Buffer.from('0020008008313233343536ffff', 'hex'); // the PIN of the compatibility profile
const kIsVerified = Buffer.from('00200080', 'hex');
const kDigest = Buffer.alloc(32, 0x5a);
// GENERAL AUTHENTICATE with the key that asks for no PIN: some 100 ms of the chip's time.
const kSign = Buffer.concat([Buffer.from('0087119e267c2482008120', 'hex'), kDigest, Buffer.from([0])]);
const [kXfr, kAbort, kSlotStatus] = [0x6f, 0x72, 0x81];
const kAborted = 0xff; // CMD_ABORTED
const kSlotBusy = 0xe0; // CMD_SLOT_BUSY
const kInactive = 1; // the card is there and has no power

const word = (answer) => answer.subarray(-2).toString('hex');

function send(key, type, data) {
  const { client, host } = key;
  const sent = host.wait(host.submitOut(client.out, client.message(type, data), { frames: 1000 }));
  assert.equal(sent.status, 'ok');
}

// A command is on its way, and the chip well into it.
function begin(key) {
  send(key, kXfr, kSign);
  const { instructions } = key.chip;
  key.host.pass(15);
  assert(key.chip.instructions - instructions > 1e5, 'no command runs');
}

function login(key) {
  assert.equal(word(key.client.transmit(kSelect)), '9000');
  assert.equal(word(key.client.transmit(kVerify)), '9000');
  assert.equal(word(key.client.transmit(kIsVerified)), '9000');
}

// Whoever comes next has to present the PIN.
function isLoggedOut(key) {
  assert.equal(word(key.client.transmit(kSelect)), '9000');
  assert.equal(word(key.client.transmit(kIsVerified)), '63c6');
}

function works(key) {
  assert.equal(word(key.client.transmit(kSelect)), '9000');
  assert.equal(word(key.client.transmit(kSign)), '9000');
}

// Both data toggles at DATA1, so that a host and a device of which one alone begins anew don't understand each other.
function makeTogglesOdd({ client, host }) {
  const [sent, taken] = [`out${client.out}`, `in${client.in}`];
  if (host.toggle(sent) !== host.toggle(taken)) client.transmit(kSign); // a packet there, two back
  if (host.toggle(sent) === 0) client.slotStatus();
  assert.deepEqual([host.toggle(sent), host.toggle(taken)], [1, 1]);
}

// What ends the session by endpoints that are new and empty (USB 2.0, 9.1.1.5).
function beginsAnew(key, request) {
  const { client, host } = key;
  const again = () => {
    host.mustRequest('again', ...request);
    host.toggles = new Map();
  };
  works(key);
  makeTogglesOdd(key);
  again();
  assert.equal(client.slotStatus(), kInactive);
  client.powerOn();
  works(key);
  makeTogglesOdd(key);
  begin(key);
  again();
  client.powerOn();
  works(key);
}

const kCases = {
  'suspend-and-resume': (key) => {
    login(key);
    key.host.suspend(0.2);
    key.client.powerOn();
    isLoggedOut(key);
    works(key);
  },
  'suspend-while-a-command-runs': (key) => {
    begin(key);
    key.host.suspend(0.5);
    key.client.powerOn();
    works(key);
  },
  // The answer to what ran before isn't delivered to whoever comes after.
  'bus-reset-while-a-command-runs': (key) => {
    login(key);
    begin(key);
    key.host.busReset();
    key.attach();
    isLoggedOut(key);
    works(key);
  },
  'bus-reset-in-the-middle-of-a-message': (key) => {
    const { client, host } = key;
    host.wait(host.submitOut(client.out, client.message(kXfr, Buffer.alloc(300)).subarray(0, 128), { frames: 1000 }));
    host.busReset();
    key.attach();
    works(key);
  },
  'bus-reset-in-the-middle-of-an-answer': (key) => {
    const { client, host } = key;
    send(key, kXfr, Buffer.from('00cb3fff0000055c035fc1050000', 'hex'));
    const first = host.wait(host.submitIn(client.in, 64, 1000));
    assert.equal(first.data.length, 64);
    host.busReset();
    key.attach();
    works(key);
  },
  'abort-while-a-command-runs': (key) => {
    const { client, host } = key;
    begin(key);
    client.sequence += 1;
    host.mustRequest('ABORT', 0x21, 1, client.sequence << 8, 0, 0);
    send(key, kAbort);
    // The command's own answer may still come, as failed; then the abort's.
    let answer = client.receive();
    if (answer[6] !== client.sequence) {
      assert.deepEqual([answer[7] >> 6, answer[8]], [1, kAborted]);
      answer = client.receive();
    }
    client.checkAnswer(answer, kSlotStatus);
    assert.equal(answer[7] >> 6, 0);
    client.sequence += 1;
    works(key);
  },
  // One long transfer of the host's takes the answer's packets; the abort's answer isn't its rest.
  'abort-in-the-middle-of-an-answer': (key) => {
    const { client, host } = key;
    send(key, kXfr, Buffer.from('00cb3fff0000055c035fc1050000', 'hex'));
    const long = host.submitIn(client.in, 4096, 1000);
    assert(host.until(() => long.data.length >= 2 * 64, 100));
    client.sequence += 1;
    host.mustRequest('ABORT', 0x21, 1, client.sequence << 8, 0, 0);
    send(key, kAbort);
    const { data } = host.wait(long);
    assert(data.length % 64 === 0 && data.length < 700, `${data.length} bytes of the answer`);
    const answer = client.receive();
    client.checkAnswer(answer, kSlotStatus);
    assert.equal(answer[7] >> 6, 0);
    client.sequence += 1;
    works(key);
  },
  // The program that sent it was ended; the next one isn't taken for its rest.
  'half-a-message': (key) => {
    const { client, host } = key;
    host.wait(host.submitOut(client.out, client.message(kXfr, Buffer.alloc(200)).subarray(0, 64), { frames: 1000 }));
    host.pass(2500);
    works(key);
  },
  'same-configuration-again': (key) => beginsAnew(key, [0x00, 0x09, 1, 0, 0]),
  'set-interface': (key) => beginsAnew(key, [0x01, 0x0b, 0, 0, 0]),
  // What the device hasn't got is stalled, and nothing is taken in for it.
  'requests-that-are-refused': (key) => {
    const { host } = key;
    for (const [what, ...request] of [
      ['vendor request to the device', 0x40, 0x20, 0, 7, 0],
      ['vendor request to the device, with data', 0x40, 0x20, 0, 7, Buffer.alloc(8, 0xff)],
      ['vendor request of the interface', 0xc1, 0x20, 0, 7, 10],
      ['SET_INTERFACE 1', 0x01, 0x0b, 1, 0, 0],
      ['SET_INTERFACE 256', 0x01, 0x0b, 256, 0, 0],
    ]) assert.equal(host.request(...request).status, 'stall', what);
    works(key);
  },
  // TinyUSB gives up the one that was set before it looks for the other.
  'configuration-that-does-not-exist': (key) => {
    const { host } = key;
    assert.equal(host.request(0x00, 0x09, 2, 0, 0).status, 'stall');
    host.mustRequest('SET_CONFIGURATION 1', 0x00, 0x09, 1, 0, 0);
    host.toggles = new Map();
    key.client.powerOn();
    works(key);
  },
  'zero-length-packet-between-messages': (key) => {
    const { client, host } = key;
    host.wait(host.submitOut(client.out, Buffer.alloc(0), { frames: 1000 }));
    works(key);
  },
  'unknown-message': (key) => {
    const { client } = key;
    send(key, 0x7e);
    const answer = client.receive();
    assert.equal(answer.length, kHeader);
    assert.deepEqual([answer[6], answer[7] >> 6, answer[8]], [client.sequence, 1, 0]);
    client.sequence += 1;
    works(key);
  },
  // There is one slot, and it is busy: the second is refused, the first isn't disturbed.
  'two-commands-without-waiting': (key) => {
    const { client } = key;
    send(key, kXfr, kSign);
    client.sequence += 1;
    send(key, kXfr, kSelect);
    const answers = [client.receive(), client.receive()];
    const [first, second] = [-1, 0].map((back) => answers.find((answer) => answer[6] === client.sequence + back));
    assert.equal(word(first), '9000');
    assert.deepEqual([second[7] >> 6, second[8]], [1, kSlotBusy]);
    client.sequence += 1;
    works(key);
  },
};

// A noise source that fails its health test: the key says so to everything, and does nothing else.
for (const entropy of ['stuck', 'biased', 'periodic']) {
  kCases[`noise-${entropy}`] = (_, { image }) => {
    const key = new BoardKey({ image, entropy });
    key.plug();
    for (const command of [kSelect, kSign, Buffer.from('802e0000', 'hex')]) assert.equal(key.client.transmit(command).toString('hex'), '6f01');
    assert.equal(key.flash.operations, 0);
  };
}

runCases(kCases);

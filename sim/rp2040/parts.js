#!/usr/bin/env node
// What the board has besides USB and flash, on its image: the LED in each of its states, BOOTSEL as the user's presence, and the
// watchdog.
//
// --flash (cases.js): a key of the compatibility profile with a P-256 key in 82 that asks for no PIN but for a touch. --stop: the
// image's sealkey_stop().
import assert from 'node:assert';
import { runCases } from './cases.js';
import { kHertz } from './clock.js';
import { kPage, kSector, kSize, kSlowTimes } from './flash.js';
import { BoardKey } from './key.js';

const kSelect = Buffer.from('00a4040005a00000030800', 'hex');
const kTouchSign = Buffer.concat([Buffer.from('00871182267c2482008120', 'hex'), Buffer.alloc(32, 0x5a), Buffer.from([0])]);
const kWrongPin = Buffer.from('00200080083030303030303030', 'hex');
const kWrongPuk = Buffer.from('002c00801030303030303030303132333435363738', 'hex');
const kReset = Buffer.from('00fb0000', 'hex');
const kVerify = Buffer.from('0020008008313233343536ffff', 'hex'); // the PIN of a key that was reset
const kFactory = kSize - 129 * kSector; // firmware/boards/rp2040/memory.ld
const kXfr = 0x6f;
const kTouchWait = 15; // seconds
const kWatchdog = 4;

const word = (answer) => answer.subarray(-2).toString('hex');

// The LED every so many milliseconds, for so many seconds: how often it went on, and what part of the time it was lit.
function watchLed(key, milliseconds, seconds) {
  let [lit, before, samples, rises] = [0, 1, 0, 0];
  for (; samples < (seconds * 1000) / milliseconds; ++samples) {
    key.host.pass(milliseconds);
    const { led } = key.chip;
    lit += led;
    rises += led && !before ? 1 : 0;
    before = led;
  }
  return { rises, share: lit / samples };
}

function near(value, wanted, tolerance, what) {
  assert(Math.abs(value - wanted) <= tolerance, `${what}: ${value}, ${wanted} expected`);
}

// A signature is asked for, whose key wants a touch; its answer comes by client.receive().
function ask(key) {
  const { client, host } = key;
  const sent = host.wait(host.submitOut(client.out, client.message(kXfr, kTouchSign), { frames: 1000 }));
  assert.equal(sent.status, 'ok');
}

// The answer that isn't a request for more time.
function answerOf(key) {
  for (;;) {
    const answer = key.client.receive();
    if (answer[7] >> 6 === 2) continue;
    key.client.sequence += 1;
    return answer;
  }
}

const kCases = {
  'led-idle': (key) => {
    assert.deepEqual(watchLed(key, 10, 3), { rises: 0, share: 1 });
  },
  'led-busy': (key) => {
    ask(key);
    const { rises, share } = watchLed(key, 5, 2);
    near(rises, 20, 1, 'flashes in 2 s');
    near(share, 0.5, 0.06, 'part of the time');
    key.chip.press(true);
    assert.equal(word(answerOf(key)), '9000');
    key.chip.press(false);
    assert.deepEqual(watchLed(key, 10, 1), { rises: 0, share: 1 });
  },
  'led-locked': (key) => {
    for (let left = 5; left >= 0; --left) assert.equal(word(key.client.transmit(kWrongPin)), `63c${left}`);
    const { rises, share } = watchLed(key, 10, 5);
    near(rises, 5, 1, 'flashes in 5 s');
    near(share, 0.06, 0.02, 'part of the time');
  },
  'led-error': (_, { image }) => {
    const broken = new BoardKey({ image, entropy: 'stuck' });
    broken.plug();
    assert.equal(word(broken.client.transmit(kSelect)), '6f01');
    const { rises, share } = watchLed(broken, 5, 2);
    near(rises, 8, 1, 'flashes in 2 s');
    near(share, 0.5, 0.06, 'part of the time');
  },
  // Nothing of what the key holds opens without it, so that nothing may go on as if it did.
  'error-without-the-device-secret': (key) => {
    const { flash } = key;
    const page = flash.bytes.subarray(kFactory, kFactory + kPage);
    const made = Buffer.from(page);
    key.powerUp();
    key.attach();
    assert.equal(word(key.client.transmit(kSelect)), '9000');
    assert(made.equals(page), 'a start changes it');
    for (const spoil of [(bytes) => bytes.fill(0xff), (bytes) => (bytes[20] ^= 1)]) {
      page.set(made);
      spoil(page);
      const spoiled = Buffer.from(page);
      key.powerUp();
      key.attach();
      for (const command of [kSelect, kVerify]) assert.equal(word(key.client.transmit(command)), '6f01');
      assert(spoiled.equals(page), 'and makes no other');
    }
    page.set(made);
    key.powerUp();
    key.attach();
    assert.equal(word(key.client.transmit(kSelect)), '9000');
    assert.equal(word(key.client.transmit(kVerify)), '9000');
  },
  'button-pressed-when-asked': (key) => {
    ask(key);
    key.host.pass(2000);
    key.chip.press(true);
    const { cycle } = key.chip;
    assert.equal(word(answerOf(key)), '9000');
    assert(key.chip.cycle - cycle < kHertz, 'it is seen at once');
  },
  'button-not-pressed': (key) => {
    const { cycle } = key.chip;
    ask(key);
    assert.equal(word(answerOf(key)), '6982');
    near((key.chip.cycle - cycle) / kHertz, kTouchWait, 0.5, 'seconds that it waits');
  },
  // A button that is stuck, or that somebody holds in advance, confirms nothing.
  'button-held-from-before': (key) => {
    key.chip.press(true);
    ask(key);
    assert.equal(word(answerOf(key)), '6982');
  },
  'button-held-from-before-let-go-and-pressed': (key) => {
    key.chip.press(true);
    ask(key);
    key.host.pass(500);
    key.chip.press(false);
    key.host.pass(500);
    key.chip.press(true);
    assert.equal(word(answerOf(key)), '9000');
  },
  'watchdog-is-fed-while-nothing-happens': (key) => {
    key.host.pass(5 * kWatchdog * 1000);
    assert.equal(key.chip.reboots, 0);
    assert.equal(word(key.client.transmit(kSelect)), '9000');
  },
  'watchdog-is-fed-while-a-command-waits': (key) => {
    ask(key);
    assert.equal(word(answerOf(key)), '6982');
    assert.equal(key.chip.reboots, 0);
  },
  // A wipe that a power cut ended is finished at the next start, before USB and the tick: with a slow flash chip that takes longer
  // than the watchdog waits.
  'watchdog-is-fed-while-a-wipe-is-finished': (key) => {
    for (let left = 5; left >= 0; --left) assert.equal(word(key.client.transmit(kWrongPin)), `63c${left}`);
    for (let left = 5; left >= 0; --left) assert.equal(word(key.client.transmit(kWrongPuk)), `63c${left}`);
    key.flash.armCut(14); // it has been decided on, and little was done
    assert.equal(key.transmit(kReset), null);
    key.flash.times = kSlowTimes;
    key.powerUp();
    const { chip } = key;
    while (chip.reboots === 0 && !chip.usb.attached) chip.run(0.01 * kHertz);
    assert.equal(chip.reboots, 0);
    assert(chip.cycle > 1.2 * kWatchdog * kHertz, `a start of ${chip.cycle / kHertz} s shows nothing`);
    key.attach();
    assert.equal(word(key.client.transmit(kSelect)), '9000');
    assert.equal(word(key.client.transmit(kVerify)), '9000', 'the wipe was finished');
  },
  'watchdog-restarts-a-program-that-stopped': (key, { stop }) => {
    assert.equal(word(key.client.transmit(kWrongPin)), '63c5');
    key.chip.core.PC = stop;
    key.chip.core.waiting = false;
    key.chip.run((kWatchdog - 1) * kHertz);
    assert.equal(key.chip.reboots, 0, 'too early');
    key.chip.run(1.2 * kHertz);
    assert.equal(key.chip.reboots, 1);
    key.attach();
    assert.equal(word(key.client.transmit(kSelect)), '9000');
    assert.equal(word(key.client.transmit(kWrongPin)), '63c4', 'what was counted stays counted');
  },
};

runCases(kCases, (key) => assert.equal(word(key.client.transmit(kSelect)), '9000'));

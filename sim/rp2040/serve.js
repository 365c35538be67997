#!/usr/bin/env node
// The key on the emulated board behind sockets, as sealkey-sim serves its own: the token's with vpcd's framing, the control
// socket (control.js) with a line of JSON an answer.
//
//   node sim/rp2040/serve.js --image build/rp2040/sealkey-rp2040.uf2 --flash FILE --socket PATH
//        [--birth-record PATH] [--control PATH] [--vpcd PORT] [--usbip PATH|PORT]
//        [--entropy good|stuck|biased|periodic] [--unplugged] [--blank] [--mark ADDRESS:OFFSET]
//
// --vpcd: in the reader that pcscd's vpcd offers at this port of 127.0.0.1. --usbip: the USB device itself (usbip.js). A key
// whose flash is blank is made (MANUFACTURE) first, its transport keys written to the birth record; with --blank it stays as it
// was flashed, for `sealkey-bench manufacture`. --mark: see BoardKey.reachMark(). SIGTERM ends it; the flash is kept in FILE.
import fs from 'node:fs';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { answerLine } from './control.js';
import { BoardKey } from './key.js';
import { serveUsbIp } from './usbip.js';

const kVpcd = { off: 0, on: 1, reset: 2, atr: 4 };

const kReplugAfter = 2500; // ms after a power cut; pcscd looks at the reader once a second
const kReconnectAfter = 100;

const { values } = parseArgs({
  options: {
    image: { type: 'string' },
    flash: { type: 'string' },
    socket: { type: 'string' },
    'birth-record': { type: 'string' },
    control: { type: 'string' },
    vpcd: { type: 'string' },
    usbip: { type: 'string' },
    entropy: { type: 'string' },
    mark: { type: 'string' },
    unplugged: { type: 'boolean' },
    blank: { type: 'boolean' },
  },
});

const [address, data] = (values.mark ?? '').split(':').map(Number);
const key = new BoardKey({
  image: values.image,
  flashFile: values.flash,
  birthRecord: values['birth-record'],
  entropy: values.entropy,
  mark: values.mark && { address, data },
});
const readers = new Set();
let takeBack = () => {};

function quit(code = 0) {
  if (key.plugged) key.unplug();
  process.exit(code);
}

// The program that has the board in hand must see at once what went wrong.
function guarded(action) {
  try {
    return action();
  } catch (error) {
    console.error(error);
    return quit(3);
  }
}

function listen(path, serve) {
  fs.rmSync(path, { force: true });
  net.createServer(serve).listen(path);
}

function hangUp() {
  takeBack();
  for (const link of readers) link.destroy();
  readers.clear();
}

// One body of vpcd's framing; the answer to send, if there is one.
function exchange(body) {
  if (body.length !== 1) return key.transmit(body);
  if (body[0] === kVpcd.atr) return key.atr;
  if (body[0] === kVpcd.off) key.powerOff();
  if (body[0] === kVpcd.on || body[0] === kVpcd.reset) key.reset();
  return undefined;
}

function serveReader(link) {
  let input = Buffer.alloc(0);
  readers.add(link);
  if (!key.plugged) link.destroy();
  link.on('error', () => {});
  link.on('close', () => readers.delete(link));
  link.on('data', (data) => guarded(() => {
    input = Buffer.concat([input, data]);
    while (input.length >= 2 && input.length >= 2 + input.readUInt16BE(0)) {
      const body = input.subarray(2, 2 + input.readUInt16BE(0));
      input = input.subarray(2 + body.length);
      const answer = exchange(Buffer.from(body));
      if (!key.plugged) {
        hangUp();
        setTimeout(plug, values.vpcd ? kReplugAfter : 0);
        return;
      }
      if (answer === undefined) continue;
      link.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]));
    }
  }));
}

function plug() {
  guarded(() => key.plug());
  intoReader();
}

// The key in vpcd's reader, as long as it is plugged in; vpcd may not be there yet.
function intoReader() {
  if (!values.vpcd || !key.plugged || readers.size) return;
  const link = net.connect(Number(values.vpcd), '127.0.0.1');
  serveReader(link);
  link.on('close', () => setTimeout(intoReader, kReconnectAfter));
}

function serveControl(link) {
  let input = '';
  link.on('error', () => {});
  link.on('data', (data) => guarded(() => {
    input += data.toString();
    const lines = input.split('\n');
    input = lines.pop();
    for (const line of lines) {
      link.write(`${JSON.stringify(answerLine(key, line, quit))}\n`);
      if (!key.plugged || line.includes('leave')) hangUp();
      intoReader();
    }
  }));
}

process.on('SIGTERM', () => quit());
process.on('SIGINT', () => quit());
guarded(() => {
  if (!values.unplugged) {
    key.plug();
    if (!values.blank && key.transmit(Buffer.from('00a4040005a000000308', 'hex'))?.toString('hex') === '6985') key.manufacture();
  }
  intoReader();
  if (values.usbip) takeBack = serveUsbIp(key, values.usbip, (error) => guarded(() => { throw error; }));
  if (values.socket) listen(values.socket, serveReader);
  if (values.control) listen(values.control, serveControl);
});

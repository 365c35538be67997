// The emulated device for hosts elsewhere, by USB/IP: lists it, lends it to one client at a time, and puts that client's transfers
// on the bus of the strict host, which has enumerated and configured it (Documentation/usb/usbip_protocol.rst of Linux).
import net from 'node:net';
import fs from 'node:fs';

const kVersion = 0x0111;
const [kListRequest, kListReply, kImportRequest, kImportReply] = [0x8005, 0x0005, 0x8003, 0x0003];
const [kSubmit, kUnlink, kSubmitted, kUnlinked] = [1, 2, 3, 4];
const kBusId = '1-1';
const kFullSpeed = 2;
const kHeader = 48;
const kZeroPacket = 0x40;
const [kStall, kCancelled] = [-32, -104];
const kPortReset = '23030400'; // SET_FEATURE to the hub, by which Linux's server too lets a client reset the device
const kSlice = 4; // milliseconds of this process before its sockets are looked at again
const kIdle = 20000; // instructions in a slice below which the firmware only waits

const isIn = (direction) => direction === 1;

class Server {
  constructor(key, fail) {
    this.key = key;
    this.fail = fail;
    this.reset(null);
  }

  reset(link) {
    this.link = link;
    this.queues = new Map(); // endpoint and direction -> requests, the first one on the bus
    this.turning = false;
  }

  // ---- before the import ----

  description() {
    const { device, configuration } = this.key.found;
    const out = Buffer.alloc(312);
    out.write('/sys/devices/sealkey/usb1/1-1');
    out.write(kBusId, 256);
    [1, 2, kFullSpeed].forEach((value, i) => out.writeUInt32BE(value, 288 + 4 * i));
    [8, 10, 12].forEach((at, i) => out.writeUInt16BE(device.readUInt16LE(at), 300 + 2 * i));
    out.set([device[4], device[5], device[6], configuration[5], device[17], configuration[4]], 306);
    return out;
  }

  // Answers one request; how many bytes of the input it took, 0 while it isn't whole.
  greet(link, input) {
    if (input.length < 8) return 0;
    const head = (code, status) => Buffer.from([kVersion >> 8, kVersion & 0xff, code >> 8, code & 0xff, 0, 0, 0, status]);
    const code = input.readUInt16BE(2);
    if (code === kListRequest) {
      const interfaces = this.key.found.interfaces.map((one) => Buffer.from([one.class, one.subclass, one.protocol, 0]));
      link.write(Buffer.concat([head(kListReply, 0), Buffer.from([0, 0, 0, 1]), this.description(), ...interfaces]));
      return 8;
    }
    if (code !== kImportRequest) throw new Error(`USB/IP request ${code.toString(16)}`);
    if (input.length < 40) return 0;
    const wanted = input.toString('latin1', 8, 40).replace(/\0.*$/s, '');
    const free = this.link === null && wanted === kBusId;
    link.write(free ? Buffer.concat([head(kImportReply, 0), this.description()]) : head(kImportReply, 1));
    if (free) this.reset(link);
    return 40;
  }

  // ---- afterwards ----

  take(input) {
    if (input.length < kHeader) return 0;
    const [command, number, , direction, endpoint, flags, length] = [0, 4, 8, 12, 16, 20, 24].map((at) => input.readUInt32BE(at));
    if (command === kUnlink) {
      this.unlink(number, flags);
      return kHeader;
    }
    if (command !== kSubmit) throw new Error(`USB/IP command ${command}`);
    const size = isIn(direction) ? kHeader : kHeader + length;
    if (input.length < size) return 0;
    const request = { number, direction, endpoint, length, zero: (flags & kZeroPacket) !== 0,
      setup: Buffer.from(input.subarray(40, 48)), data: Buffer.from(input.subarray(kHeader, size)) };
    if (endpoint === 0 && request.setup.toString('hex', 0, 4) === kPortReset) {
      this.resetDevice(number);
      return size;
    }
    const name = endpoint === 0 ? 'control' : `${direction}.${endpoint}`;
    if (!this.queues.has(name)) this.queues.set(name, []);
    this.queues.get(name).push(request);
    this.turn();
    return size;
  }

  // Ends what is under way, and brings the device back to where the client found it.
  resetDevice(number) {
    const { host, found } = this.key;
    const { address, polling } = host;
    for (const queue of this.queues.values()) {
      for (const request of queue.splice(0)) this.reply(kSubmitted, request.number, kCancelled, Buffer.alloc(0), 0);
    }
    host.busReset();
    host.setAddress(address);
    host.setConfiguration(found.configuration[5]);
    host.polling = polling;
    this.reply(kSubmitted, number, 0, Buffer.alloc(0), 0);
  }

  // Puts it on the bus. What the host keeps track of itself goes by its own methods.
  start(request) {
    const { host } = this.key;
    const { endpoint, direction, setup, data } = request;
    if (endpoint !== 0) {
      request.transfer = isIn(direction) ? host.submitIn(endpoint, request.length) : host.submitOut(endpoint, data, request);
      return;
    }
    request.transfer = host.submitControl(setup, data);
    if (setup[0] === 0x00 && setup[1] === 0x09) host.toggles.clear();
    if (setup[0] === 0x02 && setup[1] === 0x01) host.toggles.set(`${setup[4] & 0x80 ? 'in' : 'out'}${setup[4] & 0xf}`, 0);
  }

  unlink(number, wanted) {
    let found = false;
    for (const queue of this.queues.values()) {
      const at = queue.findIndex((request) => request.number === wanted);
      if (at < 0) continue;
      found = true;
      const [request] = queue.splice(at, 1);
      if (request.transfer) this.key.host.cancel(request.transfer);
    }
    this.reply(kUnlinked, number, found ? kCancelled : 0, Buffer.alloc(0), 0);
  }

  reply(command, number, status, data, length) {
    const head = Buffer.alloc(kHeader);
    head.writeUInt32BE(command, 0);
    head.writeUInt32BE(number, 4);
    head.writeInt32BE(status, 20);
    head.writeUInt32BE(length, 24);
    this.link?.write(Buffer.concat([head, data]));
  }

  // ---- the bus goes on while transfers wait ----

  turn() {
    if (this.turning) return;
    this.turning = true;
    setImmediate(() => this.slice());
  }

  slice() {
    this.turning = false;
    try {
      const waiting = this.startNext();
      if (!this.link || !this.key.plugged || waiting.length === 0) return;
      const { host, chip } = this.key;
      const before = chip.instructions;
      const frame = host.frame;
      const end = Date.now() + kSlice;
      while (!waiting.some(({ transfer }) => transfer.done) && Date.now() < end && host.frame === frame) host.slot();
      this.finish();
      // A firmware that only waits needn't wait faster than the clock on the wall.
      this.turning = true;
      const again = () => this.slice();
      if (chip.instructions - before < kIdle && host.frame !== frame) setTimeout(again, 1);
      else setImmediate(again);
    } catch (error) {
      this.fail(error);
    }
  }

  // The first of each queue is on the bus; gives them.
  startNext() {
    const first = [...this.queues.values()].filter((queue) => queue.length).map((queue) => queue[0]);
    for (const request of first) if (!request.transfer) this.start(request);
    return first;
  }

  finish() {
    for (const queue of this.queues.values()) {
      if (!queue[0]?.transfer?.done) continue;
      const { number, transfer, data } = queue.shift();
      const received = transfer.data;
      const length = data.length ? data.length : received.length;
      if (transfer.status === 'ok') this.reply(kSubmitted, number, 0, received, length);
      else this.reply(kSubmitted, number, kStall, Buffer.alloc(0), 0);
    }
  }

  serve(link) {
    let input = Buffer.alloc(0);
    link.setNoDelay?.(true);
    link.on('error', () => {});
    link.on('close', () => {
      if (this.link !== link) return;
      for (const queue of this.queues.values()) for (const { transfer } of queue) if (transfer) this.key.host.cancel(transfer);
      this.reset(null);
    });
    link.on('data', (data) => {
      input = Buffer.concat([input, data]);
      try {
        for (let used = 1; used > 0; input = input.subarray(used)) used = this.link === link ? this.take(input) : this.greet(link, input);
      } catch (error) {
        this.fail(error);
      }
    });
  }
}

// At a unix socket, or at a TCP port of 127.0.0.1. fail(error): the firmware broke a rule. Gives a function that ends the loan.
export function serveUsbIp(key, place, fail) {
  const server = new Server(key, fail);
  const listener = net.createServer((link) => (key.plugged ? server.serve(link) : link.destroy()));
  if (/^[0-9]+$/.test(place)) {
    listener.listen(Number(place), '127.0.0.1');
  } else {
    fs.rmSync(place, { force: true });
    listener.listen(place);
  }
  return () => server.link?.destroy();
}

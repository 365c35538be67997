// Enumeration as a real host does it, with what real hosts check in descriptors and what CCID 1.1 asks of its own.
import { Violation, hex } from './violation.js';

const kDevice = 1;
const kConfiguration = 2;
const kString = 3;
const kInterface = 4;
const kEndpoint = 5;
const kBos = 15;
const kCcid = 0x21;

function check(condition, message) {
  if (!condition) throw new Violation('descriptor', message);
}

const descriptor = (host, type, index, language, length) =>
  host.mustRequest(`descriptor ${type}.${index}`, 0x80, 0x06, (type << 8) | index, language, length);

// A string descriptor as text, read as hosts do: with room for the longest.
function text(host, index, language, what) {
  const bytes = descriptor(host, kString, index, language, 255);
  check(bytes.length >= 2 && bytes[0] === bytes.length && bytes[1] === kString && bytes.length % 2 === 0, `${what}: bad string`);
  check(bytes.length > 2, `${what}: an empty string`);
  return bytes.subarray(2).toString('utf16le');
}

// Cuts a configuration into its descriptors.
function split(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += bytes[at]) {
    check(bytes[at] >= 2 && at + bytes[at] <= bytes.length, `a descriptor of ${bytes[at]} bytes at ${at} of ${bytes.length}`);
    parts.push(bytes.subarray(at, at + bytes[at]));
  }
  return parts;
}

function checkEndpoint(part, seen) {
  const [length, , address, attributes] = part;
  const packet = part.readUInt16LE(4);
  const kind = attributes & 3;
  check(length >= 7, 'a short endpoint descriptor');
  check((address & 0x70) === 0 && (address & 0x0f) !== 0 && !seen.has(address), `endpoint address ${hex(address, 2)}`);
  check((attributes & 0xfc) === 0, `endpoint attributes ${hex(attributes, 2)}`);
  check(kind === 2 || kind === 3, `endpoint ${hex(address, 2)} is neither bulk nor interrupt`);
  if (kind === 2) check([8, 16, 32, 64].includes(packet), `bulk endpoint with packets of ${packet}`);
  if (kind === 3) check(packet >= 1 && packet <= 64 && part[6] >= 1, 'interrupt endpoint: packet or interval');
  seen.set(address, { address, kind, packet, interval: part[6] });
}

// CCID 1.1, 5.1
function checkCcid(part) {
  check(part.length === 54, `a CCID descriptor of ${part.length} bytes`);
  const version = part.readUInt16LE(2);
  const features = part.readUInt32LE(40);
  const longest = part.readUInt32LE(44);
  check(version === 0x0100 || version === 0x0110, `bcdCCID ${hex(version, 4)}`);
  check((part[5] & 7) !== 0, 'no voltage supported');
  check((part.readUInt32LE(6) & 3) !== 0, 'neither T=0 nor T=1');
  check(part.readUInt32LE(10) <= part.readUInt32LE(14), 'default clock above the greatest');
  check(part.readUInt32LE(19) <= part.readUInt32LE(23), 'default data rate above the greatest');
  const level = (features >>> 16) & 7;
  check(level === 0 || level === 1 || level === 2 || level === 4, `exchange level ${level}`);
  check(level !== 4 || longest > 271, `extended APDU level with messages of ${longest}`);
  check(longest >= 271, `messages of ${longest} bytes hold no APDU`);
  check(part[53] >= 1, 'no slot may be busy');
  return { version, features, level, longest, slots: part[4] + 1 };
}

// bcdUSB 2.01 and above: a BOS descriptor, and in it what Microsoft's OS descriptors are asked by.
function readBos(host) {
  const head = descriptor(host, kBos, 0, 0, 5);
  check(head.length === 5 && head[0] === 5 && head[1] === kBos, 'bad BOS header');
  const total = head.readUInt16LE(2);
  const bos = descriptor(host, kBos, 0, 0, total);
  check(bos.length === total, `a BOS of ${bos.length}, ${total} promised`);
  const capabilities = split(bos.subarray(5));
  check(capabilities.length === bos[4], `${capabilities.length} capabilities, ${bos[4]} promised`);
  const microsoft = capabilities.find((part) => part[2] === 5 && part.subarray(4, 20).toString('hex') === 'df60ddd89e45c74c9ccdd8c7f1be8d9e'
    || part.subarray(4, 20).toString('hex') === 'df60ddd89e45c74c9cd2659d9e648a9f');
  if (!microsoft) return { bos };
  const length = microsoft.readUInt16LE(24);
  const set = host.mustRequest('Microsoft OS descriptors', 0xc0, microsoft[26], 0, 7, length);
  check(set.length === length && set.readUInt16LE(0) === 10 && set.readUInt16LE(2) === 0 && set.readUInt16LE(8) === length,
    'Microsoft OS descriptor set: length');
  return { bos, microsoft: set };
}

function readConfiguration(host, value) {
  const head = descriptor(host, kConfiguration, value, 0, 9);
  check(head.length === 9 && head[0] === 9 && head[1] === kConfiguration, 'bad configuration header');
  const total = head.readUInt16LE(2);
  const bytes = descriptor(host, kConfiguration, value, 0, total);
  check(bytes.length === total, `a configuration of ${bytes.length}, ${total} promised`);
  // Windows asks for 255 bytes; the answer must be the same.
  check(descriptor(host, kConfiguration, value, 0, 255).equals(bytes), 'another configuration for a longer request');
  check((bytes[7] & 0x80) !== 0 && (bytes[7] & 0x1f) === 0 && bytes[8] >= 1 && bytes[8] <= 250, 'attributes or power');
  check(bytes[5] !== 0, 'a configuration with value 0');
  return bytes;
}

function checkConfiguration(bytes) {
  const endpoints = new Map();
  const interfaces = [];
  let ccid = null;
  for (const part of split(bytes).slice(1)) {
    if (part[1] === kInterface) {
      check(part[0] === 9 && part[2] === interfaces.length && part[3] === 0, 'interface numbers');
      interfaces.push({ number: part[2], endpoints: part[4], class: part[5], subclass: part[6], protocol: part[7], name: part[8], found: 0 });
    } else if (part[1] === kEndpoint) {
      checkEndpoint(part, endpoints);
      ++interfaces.at(-1).found;
    } else if (part[1] === kCcid && interfaces.at(-1)?.class === 0x0b) {
      check(interfaces.at(-1).found === 0, 'the CCID descriptor comes after the endpoints');
      ccid = checkCcid(part);
    }
  }
  check(interfaces.length === bytes[4], `${interfaces.length} interfaces, ${bytes[4]} promised`);
  for (const each of interfaces) check(each.found === each.endpoints, `${each.found} endpoints, ${each.endpoints} promised`);
  return { endpoints, interfaces, ccid };
}

// From power on to configured. Gives what was read: device, configuration, strings, endpoints, ccid.
export function enumerate(host, address = 5) {
  host.waitForPullUp();
  host.pass(5);
  host.busReset();
  const first = descriptor(host, kDevice, 0, 0, 64);
  check(first.length === 18 && first[7] === 64, `first 8 bytes of the device: ${first.toString('hex')}`);
  host.busReset();
  host.setAddress(address);
  const device = descriptor(host, kDevice, 0, 0, 18);
  check(device.equals(first) && device[0] === 18 && device[1] === kDevice, 'the device descriptor changed');
  check(device[17] >= 1, 'no configuration');
  const configuration = readConfiguration(host, 0);
  const found = checkConfiguration(configuration);
  const languages = descriptor(host, kString, 0, 0, 255);
  check(languages.length >= 4 && languages.length % 2 === 0 && languages[0] === languages.length, 'no languages');
  const language = languages.readUInt16LE(2);
  const strings = {};
  for (const [name, index] of [['manufacturer', device[14]], ['product', device[15]], ['serial', device[16]]]) {
    if (index) strings[name] = text(host, index, language, name);
  }
  const usb = device.readUInt16LE(2);
  const bos = usb >= 0x0201 ? readBos(host) : {};
  // A full-speed-only device stalls a device qualifier.
  check(host.request(0x80, 0x06, 6 << 8, 0, 10).status === 'stall', 'a device qualifier on a full-speed device');
  host.setConfiguration(configuration[5]);
  check(host.mustRequest('GET_CONFIGURATION', 0x80, 0x08, 0, 0, 1)[0] === configuration[5], 'another configuration than was set');
  for (const { address: at, kind, interval } of found.endpoints.values()) {
    if (kind === 3) host.polling.set(at & 0xf, interval);
  }
  return { device, configuration, strings, ...bos, ...found };
}

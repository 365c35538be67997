"""A CCID host for tests: messages as bytes, right or wrong, and the card behind a device (usbip.Device)."""
import collections
import struct

import harness

Answer = collections.namedtuple("Answer", "type sequence status error last data")


def message(kind, sequence, data=b"", parameters=bytes(3), slot=0):
    return struct.pack("<BIBB", kind, len(data), slot, sequence) + parameters + data


def parse(raw):
    kind, length, _, sequence, status, error, last = struct.unpack("<BIBBBBB", raw[:10])
    assert len(raw) == 10 + length, raw
    return Answer(kind, sequence, status, error, last, raw[10:])


class Reader(harness.CardCommands):
    """The card behind a device, by CCID messages."""

    def __init__(self, device):
        self.device = device
        self.sequence = 0
        self.extensions = 0
        device.configure()
        self.atr = self.ask(0x62).data

    def send(self, kind, data=b"", **how):
        self.sequence = (self.sequence + 1) % 256
        self.device.write(message(kind, self.sequence, data, **how))

    def receive(self):
        """The answer; requests for more time are counted."""
        while True:
            answer = parse(self.device.read())
            assert answer.sequence == self.sequence, answer
            if answer.status & 0xC0 != 0x80:
                return answer
            self.extensions += 1

    def ask(self, kind, data=b"", **how):
        self.send(kind, data, **how)
        return self.receive()

    def exchange(self, command):
        answer = self.ask(0x6F, bytes(command))
        assert answer.status == 0, answer
        return answer.data

    def close(self):
        self.device.close()

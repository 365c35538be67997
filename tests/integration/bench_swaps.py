#!/usr/bin/env python3
# labels: bench
# timeout: 120
"""The quality check fails on each planted swap, and on each secret that still opens: every one by itself, named by the message."""
import json
import socket
import threading

import channel
import harness
from bench_case import BenchCase, png

PUBLISHED_PIN = b"123456\xff\xff"
PIV_AID = bytes.fromhex("A000000308000010000100")


class Relay:
    """A token in between that lies: lie(command) gives the answer, or what is made of the real one's, or None for that itself."""

    def __init__(self, path, token_path, lie):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.token_path, self.lie = token_path, lie
        self.lies = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        mine, real = harness.SocketCard.__new__(harness.SocketCard), harness.SocketCard(self.token_path)
        mine.link = client
        while True:
            command = mine.receive()
            if not command:
                break
            answer = self.lie(command)
            self.lies += answer is not None
            if answer is None or callable(answer):
                told = real.exchange(command)
                answer = answer(told) if answer else told
            mine.send(answer)
        client.close()
        real.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def get_data(tag):
    return lambda command: command[:4] == bytes.fromhex("00CB3FFF") and b"\x5c\x03" + bytes.fromhex(tag) in command


def status(command):
    return command[:2] == b"\x80\x10"


def metadata(slot):
    return lambda command: command[:4] == bytes([0x00, 0xF7, 0x00, slot])


def management(command):
    return command[:4] == bytes.fromhex("00870C9B")


def bent(answer, place=-3):
    """One byte is another one: the last before the status word, or at `place`."""
    return answer[:place] + bytes([answer[place] ^ 1]) + answer[place + 1:]


def bent_inside(answer):
    """One in the middle, where the lists around it stay what they are."""
    return bent(answer, len(answer) // 2)


def changed(before, after):
    def change(answer):
        told = answer.replace(bytes.fromhex(before), bytes.fromhex(after), 1)
        assert told != answer, f"{before} isn't in {answer.hex()}"
        return told
    return change


def word(number):
    return lambda _: number.to_bytes(2, "big")


# What the key is asked, what is made of its answer, and what the check then says. The status is that of docs/apdu.md, section 8.
LIES = [
    (status, changed("840102", "840101"), "The key isn't secured"),
    (status, changed("85030006", "85030606"), "The key's PIN or PUK isn't blocked"),
    (status, changed("85030006" "05" "86030006" "01", "85030006" "04" "86030006" "01"), "The key's PIN or PUK isn't blocked"),
    (status, changed("86030006" "01", "86030006" "00"), "The key's PIN or PUK isn't blocked"),
    (status, changed("87090001", "87090002"), "The key doesn't wait for its activation code"),
    (get_data("5FFF43"), word(0x6A82), "The key doesn't wait for its activation code"),
    (get_data("5FFF43"), bent, "The key doesn't hold its own unlock key"),
    (management, word(0x6982), "The key doesn't hold its own management key"),
    (status, changed("830101", "830102"), "The key has another profile than was ordered"),
    (get_data("5FC102"), lambda a: a.replace(b"\x34\x10", b"\x34\x10\x00", 1)[:-3] + a[-2:], "CHUID doesn't carry its own GUID"),
    (get_data("5FC107"), word(0x6A82), "The key has no CCC"),
    (metadata(0x9A), changed("030101", "030102"), "The key in slot 9A wasn't made on the token"),
    (get_data("5FFF01"), bent_inside, "The device certificate isn't the one that was made for this key"),
    (get_data("5FFF41"), bent, "The enterprise record isn't the one that was ordered"),
    (get_data("5FFF44"), bent_inside, "The issuer's certificate on the key isn't this CA's"),
]


class Swaps(BenchCase):
    def finished_key(self, **fields):
        """A finished key at a socket."""
        self.make_ca()
        self.key = self.simulator(sockets=True)
        self.environment.update(self.key.environment)
        orders = self.work.write("orders.json", json.dumps([self.order(seal_image=str(self.work.write("seal.png", png())), **fields)]))
        self.bench("run", "--orders", str(orders), "--birth-records", str(self.key.birth_record), "--patience", "60")

    def check(self, words):
        self.refused("check", code=11, words=words)

    # ---- a key of the compatibility profile, whose published management key lets anyone plant what they like ----

    def card(self):
        card = harness.SocketCard(self.key.environment["SEALKEY_SIM_SOCKETS"])
        self.addCleanup(card.close)
        card.select()
        return card

    def read(self, card, tag):
        data, word = card.transmit("00CB3FFF05" + "5C03" + tag + "00")
        self.assertEqual(word, 0x9000)
        return data

    def write(self, card, tag, value):
        """`value` is an object as it was read, 53 included."""
        body = bytes.fromhex("5C03" + tag) + value
        _, word = card.transmit(bytes.fromhex("00DB3FFF00") + len(body).to_bytes(2, "big") + body)
        self.assertEqual(word, 0x9000)

    def plantable(self):
        self.finished_key(profile="compatibility")
        self.bench("check")
        card = self.card()
        harness.authenticate_management(card)
        return card

    def test_a_swapped_certificate(self):
        card = self.plantable()
        self.write(card, "5FC105", self.read(card, "5FC10A"))
        self.check("The certificate in slot 9A isn't the one that was issued for it")

    def test_a_certificate_that_is_missing(self):
        card = self.plantable()
        self.write(card, "5FC10B", b"\x53\x00")
        self.check("The certificate in slot 9D isn't the one that was issued for it")

    def test_a_swapped_seal(self):
        card = self.plantable()
        seal = self.read(card, "5FFF40")
        self.write(card, "5FFF40", seal[:-1] + bytes([seal[-1] ^ 1]))
        self.check("The seal isn't the one that was ordered")

    def swapped_key(self, slot, tag):
        """Another key in the slot, with the certificate of the first one put back."""
        card = self.plantable()
        certificate = self.read(card, tag)
        _, word = card.transmit(f"004700{slot}05AC0380011100")
        self.assertEqual(word, 0x9000)
        self.write(card, tag, certificate)
        self.check(f"The key in slot {slot} isn't the one its certificate was issued for")

    def test_a_swapped_key_9A(self):
        self.swapped_key("9A", "5FC105")

    def test_a_swapped_key_9C(self):
        self.swapped_key("9C", "5FC10A")

    def test_a_swapped_key_9D(self):
        self.swapped_key("9D", "5FC10B")

    def test_a_swapped_serial(self):
        """Two keys whose rows were exchanged: each is whole in itself, and not the one that is in the inventory."""
        self.plantable()
        with self.inventory_file() as database:
            database.execute("UPDATE tokens SET numeric_serial = numeric_serial + 1")
        self.check("The key's numeric serial is")

    # ---- a shipping key behind one who lies ----

    def behind(self, lie):
        self.finished_key()
        self.bench("check")
        path = self.work / "relay"
        relay = Relay(path, self.key.environment["SEALKEY_SIM_SOCKETS"], lie)
        self.addCleanup(relay.close)
        self.environment["SEALKEY_SIM_SOCKETS"] = str(path)
        return relay

    def test_each_lie_is_caught_and_an_honest_relay_changes_nothing(self):
        relay = self.behind(lambda command: None)
        self.bench("check")
        for asked, made_of, words in LIES:
            with self.subTest(words):
                relay.lies = 0
                relay.lie = lambda command, asked=asked, made_of=made_of: made_of if asked(command) else None
                self.check(words)
                self.assertGreater(relay.lies, 0)
        relay.lie = lambda command: None
        self.bench("check")

    def test_a_published_PIN_that_opens(self):
        relay = self.behind(lambda c: b"\x90\x00" if c[:4] == bytes.fromhex("00200080") and PUBLISHED_PIN in c else None)
        self.check("The published PIN opens the key")
        self.assertEqual(relay.lies, 1)

    def test_a_published_PUK_that_opens(self):
        relay = self.behind(lambda c: b"\x90\x00" if c[:4] == bytes.fromhex("002C0080") and c[5:13] == b"12345678" else None)
        self.check("The published PUK opens the key")
        self.assertEqual(relay.lies, 1)

    def test_a_published_management_key_that_opens(self):
        """The relay plays the token's part with the published 3DES key."""
        witness = bytes(range(8))
        own_key_shown = []

        def lie(command):
            if command[:4] == bytes.fromhex("00870C9B"):
                own_key_shown.append(command)
            if command[:4] == bytes.fromhex("00F7009B") and len(own_key_shown) >= 2:
                return bytes.fromhex("01010302020001050101" "9000")
            if command[:4] != bytes.fromhex("0087039B"):
                return None
            if bytes.fromhex("7C028000") in command:
                return b"\x7c\x0a\x80\x08" + harness.tdes(witness) + b"\x90\x00"
            challenge = command[command.index(b"\x81\x08") + 2:][:8]
            return b"\x7c\x0a\x82\x08" + harness.tdes(challenge) + b"\x90\x00"

        self.behind(lie)
        self.check("The published management key opens the key")

    def made_behind(self, prepare):
        """A key that is made behind a relay that tells the lies that prepare() gives."""
        self.make_ca()
        self.key = self.simulator(sockets=True)
        relay = Relay(self.work / "relay", self.key.environment["SEALKEY_SIM_SOCKETS"], prepare())
        self.addCleanup(relay.close)
        orders = self.work.write("orders.json", json.dumps([self.order()]))
        done = json.loads(self.bench("run", "--orders", str(orders), "--birth-records", str(self.key.birth_record), "--patience", "2",
                                     "--json", env={"SEALKEY_SIM_SOCKETS": str(self.work / "relay")}, ok=None).out)
        return relay, done

    def the_factorys_set(self, version):
        """A relay that plays the factory's set, asked for by this version, from the time on when the key has made keys: what looked
        for that set before the quality check found it gone."""
        enc, mac_key, _ = channel.Keys.of_birth_record(json.loads(self.key.birth_record.read_text())).all
        counter, begun = bytes(3), []

        def lie(command):
            if command[1:2] == b"\x47":
                begun.append("keys")
            if "keys" in begun and command[:3] == bytes([0x80, 0x50, version]):
                begun.append("channel")
                challenge = channel.derive(enc, 2, counter + PIV_AID, 8)
                context = command[7:15] + challenge  # behind an extended length
                cryptogram = channel.derive(channel.derive(mac_key, 6, context, 32), 0, context, 8)
                return bytes(10) + b"\xff\x03\x70" + challenge + cryptogram + counter + b"\x90\x00"
            return b"\x90\x00" if begun[-1:] == ["channel"] and command[1:2] == b"\x82" and begun.pop() else None

        return lie

    def test_the_benchs_PIN_that_still_opens_a_secured_key(self):
        closed = []

        def lie(command):
            if command[1:2] == b"\x34":  # SET LIFECYCLE
                closed.append(command)
            verify = command[:4] == bytes.fromhex("00200080") and len(command) > 5
            return b"\x90\x00" if closed and verify and PUBLISHED_PIN not in command else None

        relay, done = self.made_behind(lambda: lie)
        self.assertEqual((done["done"], done["failed"]), (0, 1), done)
        self.assertIn("The bench's PIN still opens the key", json.dumps(done))
        self.assertEqual(relay.lies, 1)

    def test_Lesson34_a_transport_key_set_that_still_opens(self):
        relay, done = self.made_behind(lambda: self.the_factorys_set(channel.TRANSPORT))
        self.assertEqual((done["done"], done["failed"]), (0, 1), done)
        self.assertIn("The transport keys still open the key", json.dumps(done))
        self.assertEqual(relay.lies, 2)

    def test_Lesson34_a_transport_key_set_that_opens_without_a_version(self):
        relay, done = self.made_behind(lambda: self.the_factorys_set(0))
        self.assertEqual((done["done"], done["failed"]), (0, 1), done)
        self.assertIn("The transport keys still open the key", json.dumps(done))
        self.assertEqual(relay.lies, 2)

    def test_a_key_that_another_takes_the_place_of(self):
        """Whoever carries the bytes shows another key's metadata of 9C: its public key isn't the certificate's."""
        other = self.simulator(sockets=True, profile="compatibility")
        card = harness.SocketCard(other.environment["SEALKEY_SIM_SOCKETS"])
        card.select()
        harness.authenticate_management(card)
        card.transmit("0047009C05AC0380011100")
        metadata, word = card.transmit("00F7009C00")
        self.assertEqual(word, 0x9000)
        card.close()
        self.behind(lambda c: metadata + b"\x90\x00" if c[:4] == bytes.fromhex("00F7009C") else None)
        self.check("The key in slot 9C isn't the one its certificate was issued for")


if __name__ == "__main__":
    harness.main(pcscd=False)

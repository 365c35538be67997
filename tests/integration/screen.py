"""A screen that nobody sits at (Xvfb with openbox), and a person's hands (xdotool) and eyes (pictures of it) on it.

    with Screen(folder) as screen:                 # screen.environment is what a program needs to appear there
        dialog = screen.wait_for("Unlock")         # a window with this in its title
        screen.enter(dialog, "123456")
        screen.picture(path, dialog)               # a PNG
"""
import os
import pathlib
import random
import struct
import subprocess
import threading
import zlib

import harness

SIZE = (1000, 700)


class Screen:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._processes = []
        self.environment = {}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        # A number of one's own: namespaces share /tmp, and a server takes the lock of a process it can't see for a dead one's.
        number = random.randrange(1000, 60000)
        self.environment = {"DISPLAY": f":{number}", "HOME": str(self.folder), "XAUTHORITY": "/dev/null"}
        width, height = SIZE
        self._run(["Xvfb", f":{number}", "-screen", "0", f"{width}x{height}x24", "-fbdir", self.folder, "-nolock", "-noreset",
                   "-nolisten", "tcp"])
        harness.until(lambda: self._tool("getdisplaygeometry").code == 0, "the screen answers")
        self._run(["openbox", "--sm-disable"])
        harness.until(lambda: self._tool("get_num_desktops").code == 0, "the window manager answers")

    def _run(self, arguments):
        with open(self.folder / f"{arguments[0]}.log", "wb") as log:
            # pylint: disable=consider-using-with
            self._processes.append(subprocess.Popen(
                [harness.program(arguments[0]), *map(str, arguments[1:])], env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def close(self):
        for process in reversed(self._processes):
            process.terminate()
            process.wait()
        self._processes = []

    def _tool(self, *arguments):
        return harness.run(["xdotool", *arguments], env=self.environment, ok=None)

    # ---- what a person would do ----

    def windows(self, title):
        """Windows to be seen with this (a regular expression) in their title."""
        return self._tool("search", "--onlyvisible", "--name", title).out.split()

    def wait_for(self, title, seconds=30):
        return harness.until(lambda: self.windows(title), f"a window “{title}”", seconds)[0]

    def wait_until_gone(self, title, seconds=30):
        harness.until(lambda: not self.windows(title), f"no window “{title}”", seconds)

    def keys(self, window, *names):
        """Keys by their names, to this window; None: to the one that has the focus."""
        self._tool(*(["windowactivate", "--sync", window] if window else []), "key", *names)

    def press_until(self, name, title):
        """Presses a key, again after a second, until such a window is there: a dialog takes no answer while it comes up."""
        def pressed():
            found = self.windows(title)
            if not found:
                self.keys(None, name)
                threading.Event().wait(1)
            return found
        return harness.until(pressed, f"a window “{title}”", 150)[0]

    def enter(self, window, text):
        """Digits, then the key that ends the line."""
        self.keys(window, *text, "Return")

    # ---- what a person would see ----

    def pixels(self, window=None):
        """(width, height, rows of RGB): a window, or the whole screen, as it is now."""
        x, y, width, height = (0, 0, *SIZE)
        if window:
            found = dict(line.split("=") for line in self._tool("getwindowgeometry", "--shell", window).out.split())
            x, y = max(0, int(found["X"])), max(0, int(found["Y"]))
            width, height = min(int(found["WIDTH"]), SIZE[0] - x), min(int(found["HEIGHT"]), SIZE[1] - y)
        # X's own format of pictures (X11/XWDFile.h): a head of 32-bit numbers, a table of colours, rows of B G R 0.
        data = (self.folder / "Xvfb_screen0").read_bytes()
        head = struct.unpack(">25I", data[:100])
        start, line = head[0] + 12 * head[19], head[12]
        rows = []
        for at in range(y, y + height):
            row = data[start + at * line + 4 * x:start + at * line + 4 * (x + width)]
            rgb = bytearray(3 * width)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            rows.append(bytes(rgb))
        return width, height, rows

    def wait_until_drawn(self, window, seconds=30):
        """Until there is more than one colour in a window, and the same picture at two looks."""
        def drawn():
            _, _, rows = self.pixels(window)
            return any(row[3:] != row[:-3] for row in rows) and self.pixels(window)[2] == rows
        harness.until(drawn, "the window is drawn", seconds)

    def below_the_bar(self):
        """What is on the screen where a browser has neither tabs, which turn a wheel while a page loads, nor an address."""
        return self.pixels()[2][90:]

    def wait_for_rest(self, other_than=None, seconds=30):
        """Until that part has changed from this and then not moved for as long as a person would call still."""
        def still():
            before = self.below_the_bar()
            if before == other_than:
                return False
            threading.Event().wait(0.3)
            return self.below_the_bar() == before
        harness.until(still, "the screen is still", seconds)

    def picture(self, path, window=None):
        """Writes a PNG: colours from a table where 256 are enough, since pictures of dialogs then stay small."""
        width, height, rows = self.pixels(window)
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(width, height, rows))
        return path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows):
    """Rows of RGB, with the lowest bits of each colour dropped until a table of 256 colours holds them."""
    for mask in (0xFF, 0xFE, 0xFC, 0xF8, 0xF0, 0xE0, 0xC0):
        table = bytes(v & mask for v in range(256))
        reduced = [row.translate(table) for row in rows]
        colours = {row[i:i + 3] for row in reduced for i in range(0, len(row), 3)}
        if len(colours) <= 256:
            break
    index = {colour: i for i, colour in enumerate(sorted(colours))}
    body = b"".join(b"\0" + bytes(index[row[i:i + 3]] for i in range(0, len(row), 3)) for row in reduced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
            + chunk(b"PLTE", b"".join(sorted(colours))) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))

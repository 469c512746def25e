"""A headless Chromium for tests, spoken to over its debugging pipe: open a page at a size, measure it, take its picture."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe")


class Browser:
    """One page of one browser; events that arrive meanwhile are kept in `events`."""

    def __init__(self, read: int, write: int) -> None:
        self.reader, self.write = os.fdopen(read, "rb"), write
        self.last = 0
        self.session = ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.last += 1
        message = {"id": self.last, "method": method, "params": params, **({"sessionId": self.session} if self.session else {})}
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.last:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.reader.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser ended")
            text += byte
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, page: Path, width: int, height: int = 900, dark: bool = False, scale: float = 1) -> None:
        """Show a file in a window of this many CSS pixels, and wait until it is loaded."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._next()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def requested(self) -> list[str]:
        """Every address the page asked for."""
        return [event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"]

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]))

    def paper(self, path: Path) -> None:
        """The page as a PDF on A4."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": True, "printBackground": True}
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", **size)["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser of its own, ended afterwards; the pipe's ends are descriptors 3 and 4 of the browser."""
    assert CHROMIUM is not None
    to_browser, ours = os.pipe()
    back, from_browser = os.pipe()
    command = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    arguments = ["bash", "-c", command, "bash", CHROMIUM, *FLAGS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(arguments, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(to_browser)
    os.close(from_browser)
    opened = None
    try:
        opened = Browser(back, ours)
        yield opened
    finally:
        process.terminate()
        process.wait(timeout=60)
        os.close(ours)
        if opened is not None:
            opened.reader.close()
        else:
            os.close(back)

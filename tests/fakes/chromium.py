"""Debian's Chromium, driven as a person uses it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 60
_PROGRAMS = ("chromium", "chromedriver")


class Chromium:
    """One window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def run(self, script: str, *given: Any) -> Any:
        return self.driver.execute_script(script, *given)

    def wait(self, what: str, seen: Callable[[], Any]) -> Any:
        """What is seen, once it is."""
        return WebDriverWait(self.driver, SECONDS, 0.1).until(lambda _driver: seen(), f"{what}; {self.text()[:3000]}")

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def shows(self, *texts: str) -> None:
        self.wait(f"not shown: {texts}", lambda: all(text in self.text() for text in texts))

    def go(self, page: str, *texts: str) -> None:
        self.run("location.hash = arguments[0]", page)
        self.shows(*texts)

    def size(self, width: int, *, dark: bool = False) -> None:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def tab_to(self, text: str) -> None:
        """Press Tab until what has the focus has this text."""
        focused = "return (document.activeElement.innerText || document.activeElement.textContent).trim()"
        for _ in range(100):
            if str(self.run(focused)).startswith(text):
                return
            ActionChains(self.driver).send_keys(Keys.TAB).perform()
        raise AssertionError(f"Tab leads nowhere to {text!r}")

    def press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(key).perform()

    def messages(self) -> list[str]:
        """What the browser complained about."""
        entries: list[dict[str, str]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries]


@contextmanager
def chromium(port: int) -> Iterator[Chromium]:
    """A window of its own profile, for which `localhost`, whatever the port, is this port.

    Skips the test if there is no Chromium.
    """
    programs = [shutil.which(name) for name in _PROGRAMS]
    if None in programs:
        pytest.skip("needs chromium and chromedriver: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.add_argument(f"--host-resolver-rules=MAP localhost 127.0.0.1:{port}")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(programs[1])))
    try:
        yield Chromium(driver)
    finally:
        driver.quit()

# SPDX-License-Identifier: MIT
"""report_steps.py PAGE FOLDER - what a reader does with the report, in chromium; a line per step: "name: ok" or what was wrong.

Started by test_report_browser.py. Screenshots go into the folder.
"""
import sys
import traceback

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

PAGE, FOLDER = sys.argv[1], sys.argv[2]


def browser():
    """A headless browser that writes only into the folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900",
                 f"--user-data-dir={FOLDER}/profile", "--no-first-run"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Steps:
    """One method per step, in order; each begins with the page as the last one left it."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def rows(self):
        """Names of the rows that are shown, in order."""
        return self.driver.execute_script(
            "return Array.from(document.querySelectorAll('section.on tr.case')).filter(r => !r.hidden && !r.parentNode.hidden)"
            ".map(r => r.cells[0].querySelector('b').textContent)")

    def shot(self, name):
        self.driver.save_screenshot(f"{FOLDER}/{name}.png")

    def desktop(self):
        self.driver.get(f"file://{PAGE}")
        assert len(self.rows()) > 500 and self.find("section.on").get_attribute("id") == "quirk"
        assert self.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "the page itself scrolls sideways"
        self.shot("desktop")

    def filter(self):
        every = len(self.rows())
        self.find("#find").send_keys("chunk")
        found = self.rows()
        assert 0 < len(found) < every and "http-always-chunked" in found
        assert self.find("#shown").text == f"{len(found)} of {every} rows"
        self.find("#find").clear()
        self.find("#find").send_keys(Keys.SPACE)
        Select(self.find("#grade")).select_by_visible_text("fail")
        Select(self.find("#column")).select_by_visible_text("client-3")
        failed = self.rows()
        assert 0 < len(failed) < every, f"{len(failed)} of {every}"
        signs = self.driver.execute_script(
            "return Array.from(document.querySelectorAll('section.on tr.case')).filter(r => !r.hidden)"
            ".map(r => Array.from(r.cells).slice(1).filter(c => !c.hidden).map(c => c.className).join())")
        assert set(signs) == {"g-fail"}, set(signs)
        Select(self.find("#group")).select_by_visible_text("http")
        assert 0 < len(self.rows()) < len(failed)
        for name in ("#grade", "#column", "#group"):
            Select(self.find(name)).select_by_index(0)
        self.find("#find").clear()
        self.find("#find").send_keys(Keys.SPACE)
        assert len(self.rows()) == every
        self.find("#differ").click()
        assert len(self.rows()) <= every
        self.find("#differ").click()

    def sort(self):
        before = self.rows()
        self.find("section.on thead th:nth-child(2) button").click()
        grades = self.driver.execute_script(
            "return Array.from(document.querySelectorAll('section.on tbody')).map(b => Array.from(b.querySelectorAll('tr.case'))"
            ".map(r => ['fail','inconclusive','non-strict','known','pass','unsupported','not-run'].indexOf(r.cells[1].className.slice(2))))")
        assert all(group == sorted(group) for group in grades) and self.rows() != before
        assert self.find("section.on thead th:nth-child(2)").get_attribute("aria-sort") == "ascending"
        for _ in range(2):
            self.find("section.on thead th:nth-child(2) button").click()
        assert self.rows() == before, "the third time the order is the first one"

    def turn(self):
        every = len(self.rows())
        self.find("#turn").click()
        assert len(self.all("section.on table.turned thead th")) == every + 1
        assert len(self.all("section.on table.turned tbody tr")) == 10
        self.shot("turned")
        self.find("#turn").click()
        assert len(self.rows()) == every

    def case(self):
        """The case with evidence."""
        return self.driver.execute_async_script(
            "const done = arguments[0]; (async () => { for (const b of document.querySelectorAll('[data-detail]')) {"
            "const raw = Uint8Array.from(atob(b.dataset.detail), c => c.charCodeAt(0));"
            "const text = await new Response(new Blob([raw]).stream().pipeThrough(new DecompressionStream('gzip'))).text();"
            "if (text.includes('\"path\"')) { done(b); return; } } done(null); })()")

    def open(self):
        button = self.case()
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", button)
        WebDriverWait(self.driver, 20).until(lambda _: self.find("dialog").get_attribute("open") and self.all("dialog .ladder svg"))
        text = self.find("dialog").text
        for words in ("the port is open", "<b>line 1</b>", "sh new/cases/first/replay.sh", "redirected"):
            assert words in text, f"{words} is not in {text}"
        self.shot("case")

    def links(self):
        found = {a.text: a for a in self.all("dialog a")}
        assert found["packets (pcapng)"].get_attribute("href").startswith("data:application/x-pcapng;base64,Cg0NCg")
        assert found["packets (pcapng)"].get_attribute("download") == "capture.pcapng"
        assert found["folder"].get_attribute("href").endswith("/new/cases/first/")
        self.find("dialog form button").click()
        assert not self.find("dialog").get_attribute("open")

    def address(self):
        self.find("#find").send_keys("ssdp")
        found, address = self.rows(), self.driver.current_url
        self.driver.get("about:blank")
        self.driver.get(address)
        assert self.rows() == found and self.find("#find").get_attribute("value").strip() == "ssdp"
        self.driver.get("about:blank")
        self.driver.get(f"file://{PAGE}")

    def changes(self):
        self.find(".tabs [data-kind=changes]").click()
        assert "http-always-chunked × client-3: pass → fail" in self.find("#changes").text
        self.find(".tabs [data-kind=profile]").click()
        assert "broadcom-brcm400" in self.rows()

    def phone(self):
        self.driver.set_window_size(390, 844)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True})
        assert self.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth + 1")
        size = self.driver.execute_script("const b = document.querySelector('section.on td button').getBoundingClientRect();"
                                          "return [b.width, b.height]")
        assert min(size) >= 24, f"a finger needs more than {size}"
        self.shot("phone")
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.set_window_size(1280, 900)

    def keyboard(self):
        cell = self.find("section.on td button")
        self.driver.execute_script("arguments[0].focus()", cell)
        cell.send_keys(Keys.ENTER)
        WebDriverWait(self.driver, 20).until(lambda _: self.find("dialog").get_attribute("open"))
        self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        WebDriverWait(self.driver, 20).until(lambda _: not self.find("dialog").get_attribute("open"))
        assert self.driver.switch_to.active_element == cell, "the place is lost"

    def quiet(self):
        said = [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
        assert not said, said


def main():
    """All steps, whatever became of those before."""
    driver = browser()
    try:
        steps = Steps(driver)
        for name in ("desktop", "filter", "sort", "turn", "open", "links", "address", "changes", "phone", "keyboard", "quiet"):
            try:
                getattr(steps, name)()
                print(f"{name}: ok", flush=True)
            except Exception as error:  # pylint: disable=broad-except  # told, and the next step goes on
                line = traceback.extract_tb(error.__traceback__)[-1]
                print(f"{name}: line {line.lineno}: {line.line}: {' '.join(str(error).split())[:300]}", flush=True)
    finally:
        driver.quit()


main()

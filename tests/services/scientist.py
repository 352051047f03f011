"""What a calibration scientist does in a browser, page by page, as they would: by what they read there."""
from __future__ import annotations

import re
from typing import Any

from awe.services.submitting import submissions

FIELD, PASSWORD = "FIELD1", "correct horse"
#: When the bias that eclipses the other is to end: before the frames of the sky were taken.
END = "2024-03-10 18:30:00"


def walk(page: Any, url: str) -> dict[str, str]:
    """From a bias that is not used to the raw pixels of a source; the addresses of what was come by."""
    log_in(page, url)
    found = {"bias": shorten(page), "coadd": ask(page), "flat": invalidate(page), "source": follow(page)}
    return {name: address.removeprefix(url) for name, address in found.items()}


def log_in(page: Any, url: str) -> None:
    """Log in as ann, from the front page."""
    page.goto(url)
    page.get_by_text("Log in", exact=True).first.click()
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("User").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form.stack").get_by_role("button", name="Log in").click()
    page.get_by_text("Welcome, ann").wait_for()


def turn_to(page: Any, name: str) -> None:
    """Go to one of the pages in the menu."""
    page.get_by_label("Pages").get_by_role("link", name=name, exact=True).click()


def shorten(page: Any) -> str:
    """Find the bias that is eclipsed, and let the one that eclipses it end before the night; where it is edited."""
    turn_to(page, "Calibrations")
    eclipsed = page.get_by_label(re.compile("eclipsed"))
    eclipsed.first.focus()
    tip = page.get_by_role("tooltip").inner_text()
    by = re.search(r"eclipsed by (\w{8})", tip)
    assert by, tip
    look_closer(page.locator(".figure.timeline").first)
    page.get_by_label(re.compile(f"^{by[1]}: used")).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Validity of MasterBias").wait_for()
    address = str(page.url)
    page.get_by_label("timestamp_end").fill(END)
    page.get_by_role("button", name="See what would follow").click()
    page.locator("#follow").get_by_text("CoaddFrame").first.wait_for()
    assert "ReducedScienceFrame" in page.locator("#follow").inner_text()
    page.get_by_label("Why", exact=True).fill("the shutter leaked from then on")
    page.get_by_role("button", name="Edit, with this reason").click()
    page.get_by_text("It can be undone on its page").wait_for()
    assert page.get_by_label(re.compile("eclipsed$")).count() == 0, "it is used again"
    return address


def look_closer(figure: Any) -> None:
    """Go nearer with the wheel, aside by dragging, nearer and back with the keys."""
    page, whole = figure.page, figure.get_attribute("viewBox")
    box = figure.bounding_box()
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("([svg, whole]) => svg.getAttribute('viewBox') !== whole", arg=[figure.element_handle(), whole])
    near = figure.get_attribute("viewBox")
    assert float(near.split()[2]) < float(whole.split()[2])
    page.mouse.down()
    page.mouse.move(x - 50, y, steps=3)
    page.mouse.up()
    assert float(figure.get_attribute("viewBox").split()[0]) > float(near.split()[0])
    page.keyboard.press("+")
    assert float(figure.get_attribute("viewBox").split()[2]) < float(near.split()[2])
    page.keyboard.press("0")
    assert list(map(float, figure.get_attribute("viewBox").split())) == list(map(float, whole.split()))


def ask(page: Any) -> str:
    """Ask for the coadd with another parameter, and watch it being made with all that is out of date; where its quality page is."""
    turn_to(page, "Targets")
    page.get_by_role("combobox", name="Target").select_option("CoaddFrame")
    page.get_by_label("object", exact=True).fill(FIELD)
    page.get_by_role("combobox", name="Parameters").fill("CoaddFrame.sigma_clip=5")
    page.get_by_role("button", name="Plan").click()
    page.get_by_text("out of date").first.wait_for()
    page.get_by_role("button", name=re.compile(r"^Make \d+")).click()
    page.get_by_text("are being made").wait_for()
    page.locator("#jobs").get_by_role("row").filter(has_text="CoaddFrame").first.wait_for()
    page.locator("#jobs:not([data-poll])").wait_for()
    page.locator("#jobs").get_by_role("row").filter(has_text="CoaddFrame").first.get_by_role("link").first.click()
    page.get_by_text("done", exact=True).wait_for()
    page.locator("main a.id").first.click()
    page.get_by_role("link", name="Quality").click()
    page.get_by_role("heading", name="CoaddFrame").wait_for()
    assert submissions.running() == 0
    return str(page.url)


def invalidate(page: Any) -> str:
    """From the coadd down its lineage to the flat; say that it is bad, and why; the address of its quality page."""
    page.get_by_role("link", name="Lineage", exact=True).click()
    page.locator("a.node").filter(has_text="MasterFlat").click()
    page.locator("#opened").get_by_role("link", name="quality").first.click()
    page.get_by_role("heading", name="MasterFlat").wait_for()
    page.get_by_label("0 bad").check()
    page.get_by_label("Why", exact=True).fill("stripes in the lower left")
    page.get_by_role("button", name="Say so").click()
    page.get_by_text("is_valid 0 · ").wait_for()
    assert "stripes in the lower left" in page.locator("main").inner_text()
    return str(page.url)


def follow(page: Any) -> str:
    """Follow the brightest source of the field back to its raw pixels; the address of its page."""
    turn_to(page, "Database")
    page.get_by_role("link", name="SourceList", exact=True).first.click()
    page.locator("tbody a.id").first.click()
    page.get_by_role("link", name="Quality", exact=True).click()
    page.get_by_role("link", name="Sources", exact=True).click()
    page.locator("tbody a").first.click()
    page.get_by_role("heading", name="Source").wait_for()
    cuts = page.locator(".cutouts figure")
    steps = {cut.split()[0]: cut for cut in cuts.locator("figcaption").all_inner_texts()}
    assert {"coadd", "regridded", "reduced", "raw", "bias", "flat"} <= set(steps), steps
    assert re.search(r"HDU \d+, pixel \d+, \d+", steps["raw"])
    for cut in cuts.locator("img").all():
        cut.scroll_into_view_if_needed()
        cut.evaluate("cut => cut.decode()")  # fails where it is no picture
    return str(page.url)

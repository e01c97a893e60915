"""What people do, in a real browser on a real service."""

from playwright.sync_api import Browser, expect

from tests.console.browsing import Visitor, check_access, log_in_as, shoot, visiting
from tests.journeys.service import Service


def test_the_first_log_in_and_the_log_out(chromium: Browser, service: Service) -> None:
    with visiting(chromium, service) as visitor:
        page = visitor.open("/")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        check_access(page)
        shoot(page, "log-in")
        log_in_as(page, "admin@localhost", service.secret("admin-password"))
        expect(page.get_by_role("heading", name="Streams")).to_be_visible()
        page.get_by_text("your account").locator("..").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
        check_access(page)


def test_the_list_of_streams(visitor: Visitor) -> None:
    page = visitor.open("streams/")
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()
    check_access(page)
    shoot(page, "streams")

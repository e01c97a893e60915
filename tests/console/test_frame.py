"""What every page has: a policy, a compressed body, files that may be kept; and how refusals look."""

import gzip
import re
from contextlib import closing

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver

from apps.accounts.abilities import Role
from tests.asgi import Asgi
from tests.console.conftest import Person
from tests.environment import ROOT
from tests.factories.accounts import make_team, unique
from tests.factories.streams import make_stream
from tests.npm import locked_npm_file


def policy_of(answer: HttpResponse) -> dict[str, str]:
    parts = answer["Content-Security-Policy"].split("; ")
    return {name: rest for name, _, rest in (part.partition(" ") for part in parts)}


def without_tokens(answer: HttpResponse) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())


@pytest.mark.parametrize("path", ["/", "/login", "/admin/", "/api/docs", "streams/", "streams/new", "nowhere"])
def test_a_page_lets_in_nothing_but_our_own_files(person: Person, path: str) -> None:
    answer = person.get(path)
    if answer.status_code in {301, 302}:
        answer = person.get(answer["Location"])
    policy = policy_of(answer)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/login", "streams/", "streams/new", "/device", "/teams/new"])
def test_a_page_has_neither_inline_scripts_nor_styles_nor_foreign_addresses(person: Person, path: str) -> None:
    text = person.text(path) if path != "/login" else Client().get(path).content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text)


def test_what_a_page_loads_is_there_and_may_be_kept_for_ever(person: Person) -> None:
    files = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', person.text("streams/")))
    assert len(files) > 4
    for file in files:
        with closing(person.get(file)) as answer:
            assert answer.status_code == 200, file
            assert "immutable" in answer["Cache-Control"]


def test_pages_and_files_travel_compressed_to_who_takes_it(person: Person) -> None:
    plain = person.get("streams/new")
    packed = person.get("streams/new", **{"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain
    assert b"New stream" in plain.content
    assert packed["Content-Encoding"] == "gzip"
    assert b"New stream" in gzip.decompress(packed.content)
    file = re.search(r'href="(/static/[^"]+/base.css)"', plain.content.decode())
    assert file
    with closing(person.get(file[1])) as answer:
        whole = b"".join(answer)
    style = person.get(file[1], **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(style.content) == whole
    assert len(style.content) < len(whole) / 2


def test_the_consoles_files_are_served_before_django_as_behind_it(person: Person, asgi: Asgi) -> None:
    for name in ("base.css", "console.js", "icons.svg", "vendor/uplot/uPlot-1.6.32.min.css"):
        path = f"{settings.STATIC_URL}console/{name}"
        quick = asgi.get(path, headers={"Accept-Encoding": "gzip, br"})
        with closing(person.get(path)) as answer:
            whole = b"".join(answer)
            assert gzip.decompress(quick.body) == whole
            assert quick.headers["cache-control"] == answer["Cache-Control"]
            assert quick.headers["content-type"].split(";")[0] == answer["Content-Type"].split(";")[0]


def test_an_apis_answer_is_left_as_it_is(person: Person) -> None:
    answer = person.get("/livez", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer
    assert "Content-Security-Policy" not in answer


def test_who_has_not_logged_in_comes_back_to_the_page_afterwards(person: Person) -> None:
    answer = Client().get(f"{person.root}/streams/")
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={person.root}/streams/")
    assert Client().get(f"{person.root}/nowhere").status_code == 302


def test_a_part_of_a_page_sends_the_whole_page_to_the_log_in(person: Person) -> None:
    answer = Client().get(f"{person.root}/streams/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (401, "/login")


def test_another_teams_page_is_one_that_is_not_there(person: Person, database: None) -> None:
    strangers = Person(make_team())
    theirs = person.get(f"{strangers.root}/streams/")
    absent = person.get(f"/console/{unique('nobody')}/streams/")
    assert theirs.status_code == absent.status_code == 404
    assert without_tokens(theirs) == without_tokens(absent)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/console", "/console/{team}/streams/"),
        ("/console/", "/console/{team}/streams/"),
        ("/console/{team}", "/console/{team}/streams/"),
        ("/console/{team}/", "/console/{team}/streams/"),
        ("/console/{team}/streams", "/console/{team}/streams/"),
        ("/console/{team}/settings/usage", "/console/{team}/settings/usage/"),
        ("/console/{team}/streams/{stream}", "/console/{team}/streams/{stream}/"),
    ],
)
def test_a_shortened_address_leads_to_the_page(person: Person, address: str, page: str) -> None:
    names = {"team": person.team.slug, "stream": make_stream(person.team)[0].slug}
    assert person.get(address.format(**names))["Location"] == page.format(**names)
    assert person.get(page.format(**names)).status_code == 200


@pytest.mark.parametrize("path", ["/console//", "/console//streams", "/console/%0a", "/console/%00", "/console/a//"])
def test_what_is_no_shortened_address_leads_nowhere(person: Person, path: str) -> None:
    answer = person.get(path)
    while answer.status_code == 302:
        assert answer["Location"].startswith("/console/")
        answer = person.get(answer["Location"])
    assert answer.status_code == 404


def test_a_page_that_is_not_there_is_a_page(person: Person) -> None:
    answer = person.get("no/such/page")
    assert answer.status_code == 404
    assert "<h1>Nothing here</h1>" in answer.content.decode()


def test_a_form_from_elsewhere_is_refused_with_a_page(person: Person) -> None:
    stranger = Client(enforce_csrf_checks=True)
    answer = stranger.post("/login", {"username": "a@example.com", "password": "x"})
    assert answer.status_code == 403
    assert "out of date" in answer.content.decode()


@pytest.mark.parametrize("charset", ["charset*=utf-8''zl%00ib", "x*=nonsense''x"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_form_is_looked_at_whatever_it_says_of_its_charset(asgi: Asgi, kind: str, charset: str) -> None:
    answer = asgi.post("/login", b"--x--\r\n", headers={"content-type": f"{kind}; {charset}"})
    assert answer.status == 403
    assert b"out of date" in answer.body


@pytest.mark.parametrize("charset", ["latin-1", "zlib"])
def test_a_form_of_many_parts_is_read_whatever_it_says_of_its_charset(asgi: Asgi, charset: str) -> None:
    page = asgi.get("/login")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
    assert token
    fields = {"csrfmiddlewaretoken": token[1].decode(), "username": "Ü", "password": "x"}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    kind = f"multipart/form-data; charset={charset}; boundary=x"
    headers = {"content-type": kind, "cookie": page.headers["set-cookie"].partition(";")[0]}
    answer = asgi.post("/login", "\r\n".join([*parts, "--x--\r\n"]).encode(), headers=headers)
    assert answer.status == 200
    assert b"do not fit together" in answer.body


def test_the_first_page_leads_to_the_team_where_one_was_last(person: Person) -> None:
    assert person.get("/")["Location"] == f"{person.root}/streams/"
    second = Person(make_team(), Role.VIEWER, person.user)
    person.get(f"{second.root}/streams/")
    assert person.get("/")["Location"] == f"{second.root}/streams/"


def test_the_first_page_leads_who_is_in_no_team_to_found_one(person: Person) -> None:
    from apps.accounts.models import Membership
    from apps.accounts.scope import maintenance

    with maintenance():
        Membership.objects.filter(user=person.user).delete()
    assert person.get("/")["Location"] == "/teams/new"
    made = person.send("/teams/new", {"name": "Fresh <b>team"})
    assert made.status_code == 302
    assert "Fresh &lt;b&gt;team" in person.text(made["Location"])


def test_a_stream_of_another_team_is_not_there(person: Person) -> None:
    stream, _ = make_stream(make_team())
    assert person.get(f"streams/{stream.slug}/").status_code == 404


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("htmx/htmx-4.0.1.min.js", "htmx.org/dist/htmx.min.js"),
        ("htmx/LICENSE", "htmx.org/LICENSE"),
        ("uplot/uPlot-1.6.32.iife.min.js", "uplot/dist/uPlot.iife.min.js"),
        ("uplot/uPlot-1.6.32.min.css", "uplot/dist/uPlot.min.css"),
        ("uplot/LICENSE", "uplot/LICENSE"),
    ],
)
def test_what_others_wrote_is_as_they_published_it(ours: str, theirs: str) -> None:
    vendored = ROOT / "apps" / "console" / "static" / "console" / "vendor"
    assert (vendored / ours).read_bytes() == locked_npm_file(theirs).read_bytes()
    assert len(list(vendored.rglob("*.*")) + list(vendored.rglob("LICENSE"))) == 5


def test_people_get_a_page_and_programs_a_problem_where_nothing_is(database: None) -> None:
    page = Client().get("/nowhere", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    for path, accept in (("/nowhere", "*/*"), ("/api/nowhere", "text/html,*/*")):
        answer = Client().get(path, headers={"Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_fault_of_ours_is_a_page_too(rf: RequestFactory) -> None:
    answer = get_resolver().resolve_error_handler(500)(rf.get("/console/", headers={"Accept": "text/html"}))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    answer = get_resolver().resolve_error_handler(500)(rf.get("/console/", headers={"Accept": "*/*"}))
    assert answer["Content-Type"] == "application/problem+json"

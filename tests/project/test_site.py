"""The documents build into a site without a warning, find what they should, and ask nobody for anything."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import site_kit

ROOT = site_kit.ROOT
# What a browser fetches by itself; a link that a person may follow is another thing.
FETCHED = {
    ".html": r"<(?:script|img|source|iframe|audio|video|embed)\b[^>]*?\bsrc(?:set)?=[\"']([^\"']+)"
    r"|<link\b[^>]*?\bhref=[\"']([^\"']+)|<object\b[^>]*?\bdata=[\"']([^\"']+)|url\(\s*[\"']?([^\"')]+)",
    ".css": r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)",
    ".js": r"(?:fetch|import|importScripts|Worker|open)\(\s*[\"'`]([^\"'`]+)",
    ".svg": r"(?:xlink:href|\bsrc)=[\"']([^\"']+)|url\(\s*[\"']?([^\"')]+)",
}


def fetched_from_elsewhere(page: Path) -> list[str]:
    """What a page has a browser fetch from another host."""
    found = re.findall(FETCHED[page.suffix], page.read_text(encoding="utf-8"), re.DOTALL)
    targets = [part for groups in found for part in ([groups] if isinstance(groups, str) else groups)]
    return [target for target in targets if re.match(r"(?:[a-z]+:)?//", target)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    built = site_kit.build(ROOT, out)
    assert built.returncode == 0, built.stderr
    return out


def test_every_document_is_in_the_site(site: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    forms = re.compile(r"^\.")  # what a forge reads, in hidden folders
    pages = [page for page in listed.stdout.split() if not forms.match(page)]
    assert len(pages) > 20
    assert [page for page in pages if not (site / page).with_suffix(".html").exists()] == []


def test_no_page_asks_another_host_for_anything(site: Path) -> None:
    pages = [page for page in site.rglob("*") if page.suffix in FETCHED]
    assert len(pages) > 30
    asked = {str(page.relative_to(site)): found for page in pages if (found := fetched_from_elsewhere(page))}
    assert not asked


def test_the_search_knows_the_words_of_the_pages(site: Path) -> None:
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    pages = index["docnames"]

    def found(term: str) -> set[str]:
        hits = [index[where].get(term, []) for where in ("terms", "titleterms")]
        return {pages[number] for at in hits for number in ([at] if isinstance(at, int) else at)}

    assert "firmware/locker/core/ACCESS" in found("duress")
    assert "docs/protocol" in found("acknowledg")  # the index holds stems
    assert "host_tools/consigne/server/CLUSTER" in found("mosquitto")


def test_links_that_lead_nowhere_fail_the_build_and_each_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns("*.md", "*.svg"))
    (source / "firmware/locker").mkdir(parents=True)
    shutil.copy(ROOT / "firmware/locker/__init__.py", source / "firmware/locker")
    (source / "docs/index.md").write_text("# Title\n\n```{toctree}\nother\n```\n", encoding="utf-8")
    other = source / "docs/other.md"
    other.write_text("# Other\n\n[there](index.md#title)\n", encoding="utf-8")
    good = site_kit.build(source, tmp_path / "good")
    assert good.returncode == 0, good.stderr
    broken = ("[gone](nowhere.md)", "[gone](index.md#no-such-heading)", "![gone](nowhere.png)")
    other.write_text("# Other\n\n" + "\n\n".join(broken), encoding="utf-8")
    bad = site_kit.build(source, tmp_path / "bad")
    assert bad.returncode != 0
    for said in ("nowhere.md", "no-such-heading", "nowhere.png"):
        assert said in bad.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script defer src="https://cdn.example/x.js"></script>'),
        ("b.html", '<link rel="stylesheet"\n href="//fonts.example/css">'),
        ("c.css", "@font-face { src: url(https://fonts.example/f.woff2) }"),
        ("d.js", 'fetch("https://search.example/index.json")'),
    ],
)
def test_what_would_be_fetched_from_elsewhere_is_seen(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert fetched_from_elsewhere(tmp_path / name)

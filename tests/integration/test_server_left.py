"""A person clicks on before a page has come: nothing of that stands in the host's log."""

import asyncio
import re

import aiohttp
from lab.rig import openhost
from server_kit import go
from yarl import URL

TIMES = 12


async def ask_and_leave(port, paths, cookie):
    """Browsers whose persons click on: all have asked, so the host is busy, and then all close."""
    writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in paths]
    head = f"Host: localhost\r\nAccept-Encoding: gzip\r\nCookie: {cookie}"
    for writer, path in zip(writers, paths, strict=True):
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode())
    for writer in writers:
        writer.close()
    await asyncio.gather(*[writer.wait_closed() for writer in writers])


async def answered(browser, address):
    """The status of what the host answers as soon as it has room for it."""
    while True:
        async with browser.get(address) as answer:
            await answer.read()
            if answer.status != 503:
                return answer.status


def test_a_browser_that_leaves_while_a_page_and_its_scripts_come_is_no_error(tmp_path):
    async def scene():
        async with (
            openhost.serving(url, tmp_path) as host,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        ):
            account = {"name": "Marie", "password": openhost.PASSWORD}
            async with browser.post(f"{host.address}/login", data=account) as answer:
                page = await answer.text()
            cookie = (
                browser.cookie_jar.filter_cookies(URL(host.address))
                .output(attrs=[], header="", sep=";")
                .strip()
            )
            port = int(host.address.rpartition(":")[2])
            scripts = re.findall(r'"(/_nicegui/[^"]+\.js)"', page)
            assert scripts
            await ask_and_leave(port, ["/desk", *scripts] * TIMES, cookie)
            for path in ["/desk", *scripts]:  # they come after what nobody waits for any more
                assert await answered(browser, host.address + path) == 200
        said = host.log.read_text()  # all of it: the host has ended, and so has what it did for them
        assert "Traceback" not in said and "ERROR" not in said, said

    url = f"sqlite:///{tmp_path / 'host.db'}"
    openhost.fill(url)
    go(scene, 300)

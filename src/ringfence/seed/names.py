"""Text that a column's name asks for: people, addresses, codes, sentences.

Never at the cost of a constraint: what does not fit is thrown away by whoever asked. Addresses and
numbers that could reach somebody are of the kinds set aside for examples wherever there are such.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ringfence.seed import words
from ringfence.seed.words import ascii_, slug

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ringfence.seed.draw import Draw
    from ringfence.seed.place import Place

    Provider = Callable[[Place, Draw], str]


class Person(NamedTuple):
    """Who a row is about."""

    given: str
    family: str
    mother: str
    number: int

    @property
    def full(self) -> str:
        """Given name and all family names."""
        return f"{self.given} {self.family} {self.mother}".rstrip()

    @property
    def handle(self) -> str:
        """As in a user name or an e-mail address."""
        return f"{slug(self.given)}.{slug(self.family)}{self.number}"


def person(place: Place) -> Person:
    """The person a row is about: the same for all of its columns, until a value is rejected."""
    draw = place.draw() if place.attempt else place.entity()
    own = place.lexicon
    given, family, mother = (draw.choice(k) for k in (own.given, own.family, own.family))
    return Person(given, family, mother if own.families > 1 else "", draw.between(10, 9999))


def company(place: Place, draw: Draw) -> str:
    """A business."""
    draw = draw if place.attempt else place.entity()
    return f"{draw.choice(place.lexicon.trades)} {draw.choice(place.lexicon.companies)}"


def title(place: Place, draw: Draw) -> str:
    """A thing with a quality, as a heading."""
    noun, quality = draw.choice(place.lexicon.nouns), draw.choice(place.lexicon.qualities)
    first, second = (quality, noun) if place.lexicon.quality_first else (noun, quality)
    return f"{first} {second}".capitalize()


def sentence(place: Place, draw: Draw) -> str:
    """Something somebody may have written."""
    return draw.choice(place.lexicon.sentences)


def plain(place: Place, draw: Draw) -> str:
    """Two plain words."""
    return f"{draw.choice(place.lexicon.plain)} {draw.choice(place.lexicon.plain)}"


def word(place: Place, draw: Draw) -> str:
    """One plain word."""
    return draw.choice(place.lexicon.plain)


def code(_: Place, draw: Draw) -> str:
    """A code with letters and digits."""
    return f"{draw.text(string.ascii_uppercase, 3)}-{draw.below(100000):05}"


def identifier(_: Place, draw: Draw) -> str:
    """An identifier that another system gave: digits."""
    return str(draw.between(10**14, 10**15 - 1))


def token(_: Place, draw: Draw) -> str:
    """Thirty-two hexadecimal digits."""
    return draw.bytes(16).hex()


def email(place: Place, _: Draw) -> str:
    """An e-mail address in a domain that nobody can own."""
    return f"{person(place).handle}@example.com"


def phone(place: Place, draw: Draw) -> str:
    """A telephone number in international form."""
    prefix, digits = place.lexicon.phone
    return f"{prefix}{draw.below(10**digits):0{digits}}"


def url(place: Place, draw: Draw) -> str:
    """A web address in a domain that nobody can own."""
    path = slug(title(place, draw))
    kind = ".png" if re.search("_(avatar|image|photo|picture|logo|icon)_", place.words) else ""
    return f"https://example.com/{path}-{draw.below(10000)}{kind}"


def named(place: Place, draw: Draw) -> str:
    """A name: of a person, a business or a thing, as the table suggests."""
    if _PEOPLE.search(place.about):
        return person(place).full
    if _BUSINESSES.search(place.about):
        return company(place, draw)
    return title(place, draw)


_PEOPLE = re.compile(
    r"_(users?|people|persons?|contacts?|customers?|employees?|staff|actors?|authors?|members?"
    r"|patients?|students?|teachers?|profiles?|leads?|usuarios?|personas?|contactos?|clientes?"
    r"|empleados?|alumnos?|artists?)_"
)
_BUSINESSES = re.compile(
    r"_(tenants?|compan(y|ies)|organi[sz]ations?|accounts?|vendors?|suppliers?|stores?|teams?"
    r"|merchants?|shops?|empresas?|proveedores|cuentas?|tiendas?|organizaciones)_"
)


def _city(place: Place, draw: Draw) -> tuple[str, str, str]:
    return (draw if place.attempt else place.entity()).choice(place.lexicon.cities)


def _of(*options: str) -> Provider:
    return lambda _, draw: draw.choice(options)


_RULES: tuple[tuple[str, Provider], ...] = (
    ("(e_?mails?|correo)(_address)?", email),
    (
        "((phones?|tel|telefono|celular|mobile|fax|whatsapp)(_(number|no|numero))?|msisdn|wa_id)",
        phone,
    ),
    ("country_code|codigo_pais|countryregioncode", lambda p, d: d.choice(p.lexicon.countries)[1]),
    (
        "currency_code|currencycode|currency|moneda|divisa",
        lambda p, d: d.choice(p.lexicon.currencies),
    ),
    ("lang|language|locale|idioma|culture", lambda p, d: d.choice(p.lexicon.languages)),
    ("time_?zone|tz|huso", lambda p, d: d.choice(p.lexicon.zones)),
    ("mime|mime_type|content_type|media_type", lambda _, d: d.choice(words.MEDIA)),
    ("user_agent|useragent", lambda *_: "Mozilla/5.0 (X11; Linux x86_64)"),
    ("ip|ip_address|ipaddr|remote_addr", lambda _, d: f"203.0.113.{d.between(1, 254)}"),
    ("urls?|uris?|links?|href|website|homepage|webhook|endpoint|sitio|pagina", url),
    ("avatar|image|photo|picture|logo|icon|imagen|foto", url),
    ("host|hostname|domain|dominio", lambda p, d: f"{slug(word(p, d))}{d.below(1000)}.example.com"),
    ("file_?names?|archivo|path|ruta", lambda p, d: f"{slug(title(p, d))}-{d.below(1000)}.pdf"),
    ("first_?name|given_?name|nombre_pila", lambda p, _: person(p).given),
    ("middle_?name", lambda p, _: person(p).given),
    ("last_?name|sur_?name|family_?name|apellidos?", lambda p, _: person(p).family),
    ("user_?name|login|handle|nick|nickname|usuario|screen_name", lambda p, _: person(p).handle),
    ("full_?name|person_?name|contact_?name|nombre_completo", lambda p, _: person(p).full),
    ("(company|empresa|organi[sz]ation|employer|business)(_name)?|razon_social", company),
    ("(city|town)(_name)?|ciudad|municipio|localidad", lambda p, d: _city(p, d)[0]),
    ("state_name|province|provincia|region|entidad", lambda p, d: _city(p, d)[1]),
    ("zip|zip_?code|postal|postal_?code|postcode|cp", lambda p, d: _city(p, d)[2]),
    ("country(_name)?|pais", lambda p, d: d.choice(p.lexicon.countries)[0]),
    ("district|colonia|neighbou?rhood|suburb", lambda p, d: d.choice(p.lexicon.districts)),
    (
        "street|address|direccion|calle|domicilio|address_?line[12]?",
        lambda p, d: f"{d.choice(p.lexicon.streets)} {d.between(1, 999)}",
    ),
    ("rfc", lambda _, d: f"{d.text(string.ascii_uppercase, 3)}{d.between(600101, 991231)}AB1"),
    ("colou?r", lambda p, d: d.choice(p.lexicon.colours)),
    ("version|semver|release", lambda _, d: f"{d.below(4)}.{d.below(20)}.{d.below(100)}"),
    ("slug|permalink|subdomain", lambda p, d: slug(f"{title(p, d)} {d.below(1000)}")),
    ("token|secret|hash|password|passwd|digest|signature|checksum|nonce|salt|key", token),
    ("code|sku|folio|clave|reference|ref|barcode|serial|number|numero|no", code),
    ("title|subject|asunto|titulo|heading|headline|label|etiqueta", title),
    ("text|body|message|mensaje|cuerpo|content|contenido|reply|respuesta", sentence),
    ("preview|snippet|excerpt|summary|resumen|caption|quote", sentence),
    ("description|descripcion|details?|notes?|notas?|comments?|comentarios?|bio|about", sentence),
    ("remarks|observaciones|reason|motivo|review|reviewtext|feedback|error_message", sentence),
    ("name|nombre|alias|display_?name", named),
    ("gender|sexo", _of("F", "M")),
    ("id|uid|guid|sid|external|waba|wamid", identifier),
    (
        "direction|sentido|tags?|keywords?|category|categoria|type|kind|tipo|status|estado|state|group|level",
        word,
    ),
)
_COMPILED = tuple((re.compile(f"_({pattern})_"), provider) for pattern, provider in _RULES)


PROVIDERS: dict[str, Provider] = {
    "person": lambda p, _: person(p).full,
    "given_name": lambda p, _: person(p).given,
    "family_name": lambda p, _: person(p).family,
    "handle": lambda p, _: person(p).handle,
    "company": company,
    "email": email,
    "phone": phone,
    "url": url,
    "title": title,
    "sentence": sentence,
    "word": word,
    "code": code,
    "identifier": identifier,
    "token": token,
    "city": lambda p, d: _city(p, d)[0],
    "region": lambda p, d: _city(p, d)[1],
    "postcode": lambda p, d: _city(p, d)[2],
    "street": lambda p, d: f"{d.choice(p.lexicon.streets)} {d.between(1, 999)}",
    "country": lambda p, d: d.choice(p.lexicon.countries)[0],
    "country_code": lambda p, d: d.choice(p.lexicon.countries)[1],
    "currency": lambda p, d: d.choice(p.lexicon.currencies),
    "slug": lambda p, d: slug(title(p, d)),
}
"""The kinds of text that a project may ask for by name."""


@lru_cache(maxsize=4096)
def provider(column_words: str) -> Provider | None:
    """What makes text for a column of that name; None where the name says nothing."""
    ending = re.sub(r"_\d+_$", "_", column_words)
    best: tuple[int, int] | None = None
    found: Provider | None = None
    for rank, (pattern, candidate) in enumerate(_COMPILED):
        for match in pattern.finditer(ending):
            # A name is about what its last words say: "email_subject" is a subject.
            score = (match.end(), -rank)
            if best is None or score > best:
                best, found = score, candidate
    return found


def variety(place: Place, draw: Draw, pool: Sequence[str] = ()) -> str:
    """Text of another sort with every attempt, for conditions that nobody could read.

    `pool` are constants that the conditions mention.
    """
    mentioned = draw.choice(pool) if pool else "a"
    sorts: tuple[Callable[[], str], ...] = (
        lambda: f"{draw.below(5)}.{draw.below(20)}.{draw.below(100)}",
        lambda: str(draw.between(1, 9999)),
        lambda: word(place, draw) + str(draw.below(1000)),
        lambda: code(place, draw),
        lambda: draw.text(string.ascii_uppercase, draw.between(1, 6)),
        lambda: email(place, draw),
        lambda: url(place, draw),
        lambda: token(place, draw),
        lambda: f"2024-{draw.between(1, 12):02}-{draw.between(1, 28):02}",
        lambda: ascii_(title(place, draw)),
        lambda: (
            f"{draw.text(string.hexdigits[:16], 8)}-0000-4000-8000-{draw.text('0123456789', 12)}"
        ),
        lambda: "{}",
        lambda: draw.choice(string.ascii_lowercase) * draw.between(3, 8),
        lambda: f"{word(place, draw)[0]}{mentioned}{word(place, draw)}",
        lambda: draw.text("bcdfghjklmnpqrstvwxyz", draw.between(3, 8)),
        lambda: phone(place, draw),
        lambda: slug(title(place, draw)),
    )
    return sorts[(place.attempt - 2) % len(sorts)]()

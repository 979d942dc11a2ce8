"""Whose names and words there are, by locale.

The lists of `es_MX` and `en_US` are ringfence's own and never change by themselves. Every other
locale is made once from Faker, where that is installed: pools that values are then drawn from like
from the others, so that a value still depends on nothing but its place (and on Faker's version).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse
from ringfence.seed import words, words_en

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT = "es_MX"
POOL = 64
"""How many of each kind are taken from Faker."""


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The words of one locale. `cities` are (name, region, postal code), `countries` (name, code).

    `families` says how many family names a person has, `phone` what a telephone number begins with
    and how many digits follow. `quality_first` tells a "weekly report" from a "reporte semanal".
    """

    locale: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    cities: tuple[tuple[str, str, str], ...]
    streets: tuple[str, ...]
    districts: tuple[str, ...]
    companies: tuple[str, ...]
    trades: tuple[str, ...]
    nouns: tuple[str, ...]
    qualities: tuple[str, ...]
    sentences: tuple[str, ...]
    plain: tuple[str, ...]
    countries: tuple[tuple[str, str], ...]
    languages: tuple[str, ...]
    currencies: tuple[str, ...]
    colours: tuple[str, ...]
    zones: tuple[str, ...]
    phone: tuple[str, int]
    families: int = 1
    quality_first: bool = True


ES_MX = Lexicon(
    "es_MX", words.GIVEN, words.FAMILY, words.CITIES, words.STREETS, words.DISTRICTS,
    words.COMPANIES, words.TRADES, words.NOUNS, words.QUALITIES, words.SENTENCES, words.PLAIN,
    words.COUNTRIES, words.LANGUAGES, words.CURRENCIES, words.COLOURS, words.ZONES,
    phone=("+5255", 8), families=2, quality_first=False,
)  # fmt: skip
EN_US = Lexicon(
    "en_US", words_en.GIVEN, words_en.FAMILY, words_en.CITIES, words_en.STREETS, words_en.DISTRICTS,
    words_en.COMPANIES, words_en.TRADES, words_en.NOUNS, words_en.QUALITIES, words_en.SENTENCES,
    words_en.PLAIN, words_en.COUNTRIES, words_en.LANGUAGES, words_en.CURRENCIES, words_en.COLOURS,
    words_en.ZONES, phone=("+120255501", 2),
)  # fmt: skip
_OWN = {each.locale: each for each in (ES_MX, EN_US)}


@cache
def lexicon(locale: str) -> Lexicon:
    """The words of a locale: `es_MX`, `en_US`, or whatever Faker knows. Raises `Misuse`."""
    name = locale.replace("-", "_") or DEFAULT
    return _OWN.get(name) or _from_faker(name)


def faker(locale: str, why: str) -> Any:
    """Faker for a locale, which begins anew every time. Raises `Misuse` where it is not there."""
    try:
        from faker import Faker
    except ImportError:
        raise Misuse(
            f"{why} comes from Faker, which is not installed",
            hint=f"pip install 'ringfence[faker]', or use a locale of ours: {', '.join(_OWN)}",
        ) from None
    try:
        made = Faker(locale)
    except (AttributeError, ValueError):
        raise Misuse(
            f"there is no locale {locale}",
            hint="write it as Faker does: es_MX, en_US, de_DE, pt_BR",
        ) from None
    made.seed_instance(0)
    return made


def _from_faker(locale: str) -> Lexicon:
    fake = faker(locale, f"locale {locale}")

    def pool(make: Callable[[], str], count: int = POOL) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(make()).replace("\n", " ") for _ in range(count)))

    def either(name: str, other: Callable[[], str]) -> Callable[[], str]:
        found = getattr(fake, name, None)
        return found if callable(found) else other

    region = either("administrative_unit", either("state", fake.city))
    home: tuple[tuple[str, str], ...] = ()
    with suppress(ValueError):  # en_MS and its like are of no country that Faker knows
        home = ((str(fake.current_country()), str(fake.current_country_code())),)
    return Lexicon(
        locale,
        given=pool(fake.first_name),
        family=pool(fake.last_name),
        cities=tuple((fake.city(), str(region()), fake.postcode()) for _ in range(POOL)),
        streets=pool(fake.street_name),
        districts=pool(fake.city),
        companies=pool(fake.last_name),
        trades=pool(either("company_suffix", fake.last_name)),
        nouns=pool(fake.word),
        qualities=pool(fake.word),
        sentences=pool(fake.sentence),
        plain=pool(fake.word),
        countries=(*home, *EN_US.countries),
        languages=(locale.partition("_")[0], "en"),
        currencies=EN_US.currencies,
        colours=pool(fake.color_name, 12),
        zones=("UTC",),
        phone=EN_US.phone,
    )


@cache
def pool_of(provider: str, locale: str) -> tuple[str, ...]:
    """What one of Faker's providers makes, a few hundred times. Raises `Misuse`."""
    fake = faker(locale or DEFAULT, f"provider faker:{provider}")
    make = None if provider.startswith("_") else getattr(fake, provider, None)
    try:
        made = [make() for _ in range(256)] if callable(make) else []
    except TypeError:
        made = []
    if not made:
        raise Misuse(
            f"Faker has no provider {provider} that needs no arguments",
            hint="see https://faker.readthedocs.io for those it has: faker:job, faker:license_plate",
        )
    return tuple(dict.fromkeys(map(str, made)))

"""Dates and times: near the moment taken for now, in the order in which things happen to a row."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ringfence.seed.place import instant

if TYPE_CHECKING:
    from ringfence.seed.draw import Draw
    from ringfence.seed.limits import Limits
    from ringfence.seed.place import Place


def date_(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A date."""
    birth = "_birth" in place.words or any(w in place.words for w in ("_dob_", "_nacimiento_"))
    if birth:
        day = date(1955, 1, 1) + timedelta(days=place.entity().below(17_500))
    else:
        day = _when(place, draw).date()
    if place.key:
        day = instant(place.seed).date() + timedelta(days=place.ordinal + place.attempt * 500)
    if place.attempt > 1:
        day = draw.choice((day, day.replace(day=1), day.replace(day=1, month=1)))
    low, high = _moments(limits)
    moment = _within(datetime(day.year, day.month, day.day, tzinfo=UTC), low, high, draw, 86_400)
    return moment.date().isoformat()


def timestamp(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A moment without a time zone."""
    return written(_point_in_time(limits, place, draw), False)


def timestamptz(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A moment, in UTC."""
    return written(_point_in_time(limits, place, draw), True)


def _point_in_time(limits: Limits, place: Place, draw: Draw) -> datetime:
    moment = _when(place, draw)
    if place.key:
        moment = instant(place.seed) + timedelta(hours=place.ordinal + place.attempt * 5000)
    if place.attempt > 1:
        midnight = moment.replace(hour=0, minute=0, second=0)
        hour = moment.replace(minute=0, second=0)
        moment = draw.choice((moment, hour, midnight, midnight.replace(day=1)))
    low, high = _moments(limits)
    return _within(moment, low, high, draw, 1)


def written(moment: datetime, tz: bool) -> str:
    """A moment as PostgreSQL writes it."""
    plain = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")
    return f"{plain}+00" if tz else plain


_ENDS = ("_end", "_until_", "_expir", "_due_", "_clos", "_complet", "_finish", "_to_", "_stop",
         "_fin_", "_vence", "_termin", "_resolv", "_deliver", "_read_", "_ship")  # fmt: skip
_STARTS = ("_start", "_from_", "_since_", "_begin", "_order", "_inicio_", "_open", "_effective_")
_CREATED = ("_creat", "_insert", "_regist", "_signup_", "_joined_", "_hire", "_alta_")


def _when(place: Place, draw: Draw) -> datetime:
    """A moment that makes sense for the column: rows begin, are worked on, and end, in that order."""
    entity = place.entity()
    begun = instant(place.seed) - timedelta(days=120, seconds=-entity.below(100 * 86_400))
    name = place.words
    if place.attempt > 1:
        return begun + timedelta(seconds=draw.between(-(10**7), 10**7))
    if any(part in name for part in _CREATED):
        return begun
    if any(part in name for part in _ENDS):
        return begun + timedelta(days=20, seconds=draw.below(40 * 86_400))
    if any(part in name for part in _STARTS):
        return begun + timedelta(seconds=draw.below(10 * 86_400))
    return begun + timedelta(days=1, seconds=draw.below(19 * 86_400))


def _moments(limits: Limits) -> tuple[datetime | None, datetime | None]:
    """The bounds that are moments, each already on the allowed side of itself."""
    lows = [parsed(text_, not inclusive) for text_, inclusive in limits.low]
    highs = [parsed(text_, False) for text_, _ in limits.high]
    return (
        max((m for m in lows if m is not None), default=None),
        min((m for m in highs if m is not None), default=None),
    )


def parsed(text_: str, beyond: bool) -> datetime | None:
    """A moment or a day that PostgreSQL wrote, or with `beyond` the next one; None for any other text."""
    try:
        moment = datetime.fromisoformat(text_)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole_day = len(text_) == 10
    step = timedelta(days=1) if whole_day else timedelta(seconds=1)
    return moment + step if beyond else moment


def _within(
    moment: datetime, low: datetime | None, high: datetime | None, draw: Draw, step: int
) -> datetime:
    """The moment, or one between the bounds near the one it lies beyond."""
    if (low is None or moment >= low) and (high is None or moment < high):
        return moment
    room = 60 * 86_400
    if low is not None and high is not None:
        room = min(room, int((high - low).total_seconds()))
    shift = timedelta(seconds=draw.below(max(1, room // step)) * step)
    if low is not None and moment < low:
        return low + shift
    if high is None:
        return moment
    # A bound that is not allowed itself is rare enough to leave to the next attempt's draw.
    return (high - timedelta(seconds=step) - shift) if room > step else (low or high)


def time(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A time of day, to the minute."""
    del limits
    minutes = (place.ordinal * 7 + place.attempt if place.key else draw.below(1440)) % 1440
    return f"{minutes // 60:02}:{minutes % 60:02}:00"


def timetz(typmod: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A time of day in UTC."""
    return f"{time(typmod, limits, place, draw)}+00"


def interval(_: int, limits: Limits, place: Place, draw: Draw) -> str:
    """A length of time: some minutes or hours."""
    del limits
    if place.key:
        return f"{place.ordinal + 1 + place.attempt * 1000} minutes"
    if place.attempt > 1:
        return draw.choice(("0", "1 second", "1 day", "1 mon", "1 year", f"{draw.below(60)} days"))
    return f"{draw.between(5, 240)} minutes"

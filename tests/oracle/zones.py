#!/usr/bin/python3
"""What Python's zoneinfo says of instants and local times of every zone: zones.py SEED

A line per instant:     i ZONE SECOND OFFSET ABBREVIATION DAYLIGHT
A line per local time:  l ZONE YEAR MONTH DAY HOUR MINUTE SECOND FIRST MATCH
FIRST is the first second at which the clock shows the local time or more; MATCH once, twice or never.
"""

import datetime
import random
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -9_000_000_000, 9_000_000_000  # 1684 … 2255


def local(zone, second):
    return (EPOCH + datetime.timedelta(seconds=second)).astimezone(zone)


def offset(zone, second):
    return int(local(zone, second).utcoffset().total_seconds())


def changes(zone, begin, end, step=86400 * 3):
    """Seconds at which the offset changes, found by halving."""
    for low in range(begin, end, step):
        high = low + step
        if offset(zone, low) == offset(zone, high):
            continue
        a, b = low, high
        while b - a > 1:
            middle = (a + b) // 2
            if offset(zone, middle) == offset(zone, a):
                a = middle
            else:
                b = middle
        yield b


def instant_line(name, zone, second):
    time = local(zone, second)
    print("i", name, second, int(time.utcoffset().total_seconds()), time.tzname(), int(bool(time.dst())))


def seconds_of(time, fold):
    return int((time.replace(fold=fold).astimezone(UTC) - EPOCH).total_seconds())


def local_line(name, zone, naive):
    time = naive.replace(tzinfo=zone)
    early, late = seconds_of(time, 0), seconds_of(time, 1)
    if early == late:
        first, match = early, "once"
    elif early < late:
        first, match = early, "twice"
    else:  # a gap: fold 0 uses the offset before it, fold 1 the one after it; the change lies between
        a, b = late, early
        while b - a > 1:
            middle = (a + b) // 2
            if offset(zone, middle) == offset(zone, late):
                a = middle
            else:
                b = middle
        first, match = b, "never"
    print("l", name, time.year, time.month, time.day, time.hour, time.minute, time.second, first, match)


def main():
    draw = random.Random(int(sys.argv[1]))
    names = sorted(zoneinfo.available_timezones() - {"localtime", "Factory", "posixrules"})
    for name in names:
        zone = zoneinfo.ZoneInfo(name)
        for second in [draw.randrange(FIRST, LAST) for _ in range(12)] + [draw.randrange(0, 4_000_000_000) for _ in range(20)]:
            instant_line(name, zone, second)
            local_line(name, zone, local(zone, second).replace(tzinfo=None))
        begin = draw.choice([draw.randrange(-1_000_000_000, 1_600_000_000), draw.randrange(2_200_000_000, 8_000_000_000)])
        for change in changes(zone, begin, begin + 86400 * 400):
            for second in (change - 1, change, change + 1):
                instant_line(name, zone, second)
            for second in range(-5400, 5401, 1800):
                local_line(name, zone, local(zone, change - 1).replace(tzinfo=None) + datetime.timedelta(seconds=second))


main()

"""Events as the lines that a log shipper posts: flat JSON, and raw text lines wrapped as {timestamp, log, filename}."""

from datetime import UTC, datetime

from benchmarks import vocabulary
from benchmarks.draws import Draws
from benchmarks.facts import Tally
from benchmarks.vocabulary import Vocabulary

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JSON, _NGINX, _LOGFMT = 0, 1, 2
_SLOW_MS = 1000


class Chunk:
    """Renders the events of one chunk, by stream, and counts what queries will ask for."""

    def __init__(self, draws: Draws, words: Vocabulary) -> None:
        self._draws = draws
        self._words = words
        self._second = -1
        self._iso = self._nginx_time = ""
        self.lines: dict[int, list[str]] = {}
        self.tallies: dict[int, Tally] = {}

    def render(self) -> None:
        for event, (stream, kind) in enumerate(zip(self._draws.streams, self._draws.kinds, strict=True)):
            tally = self.tallies.setdefault(stream, Tally())
            tally.events += 1
            self._set_second(self._draws.times[event] // 1000)
            line = self._access(event, kind, tally) if kind <= _NGINX else self._application(event, kind, tally)
            self.lines.setdefault(stream, []).append(line)

    def _set_second(self, second: int) -> None:
        if second == self._second:
            return
        self._second, at = second, datetime.fromtimestamp(second, UTC)
        self._iso = at.strftime("%Y-%m-%dT%H:%M:%S")
        self._nginx_time = f"{at.day:02d}/{_MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} +0000"

    def _stamp(self, event: int) -> str:
        return f"{self._iso}.{self._draws.times[event] % 1000:03d}Z"

    def _access(self, event: int, kind: int, tally: Tally) -> str:
        draws, at = self._draws, self._draws.times[event]
        status, path = draws.statuses[event], self._words.paths[draws.paths[event]]
        level = "ERROR" if status >= 500 else "WARN" if status >= 400 else "INFO"
        tally.levels[level] += 1
        if status >= 500:
            tally.server_errors.append(at)
            tally.status_500 += status == 500
        if kind == _NGINX:
            return self._nginx(event, path, status)
        if draws.response_times[event] > _SLOW_MS and path.startswith("/api/"):
            tally.api_slow.append(at)
        return self._json(event, path, status, level)

    def _json(self, event: int, path: str, status: int, level: str) -> str:
        draws = self._draws
        method, took = vocabulary.METHODS[draws.methods[event]], draws.response_times[event]
        return (
            f'{{"timestamp":"{self._stamp(event)}","level":"{level}",'
            f'"service":"{vocabulary.SERVICES[draws.services[event]]}","host":"{vocabulary.HOSTS[draws.hosts[event]]}",'
            f'"method":"{method}","path":"{path}","status":{status},"response_time_ms":{took},'
            f'"ip":"{self._address(event)}","user_agent":"{self._agent(event)}",'
            f'"referrer":"{vocabulary.REFERRERS[draws.referrers[event]]}","src":"access",'
            f'"filename":"/var/log/app/access.json","message":"{method} {path} {status} {took}ms"}}'
        )

    def _nginx(self, event: int, path: str, status: int) -> str:
        draws = self._draws
        request = f"{vocabulary.METHODS[draws.methods[event]]} {path} HTTP/1.1"
        referrer = vocabulary.REFERRERS[draws.referrers[event]] or "-"
        line = (
            f'{self._address(event)} - - [{self._nginx_time}] \\"{request}\\" {status} {draws.sizes[event]} '
            f'\\"{referrer}\\" \\"{self._agent(event)}\\"'
        )
        return self._wrapped(event, line, "/var/log/nginx/access.log")

    def _application(self, event: int, kind: int, tally: Tally) -> str:
        draws = self._draws
        number = draws.numbers[event]
        table, row = (
            (vocabulary.LOGFMT, draws.logfmt[event]) if kind == _LOGFMT else (vocabulary.PLAIN, draws.plain[event])
        )
        level, pattern, _ = table[row]
        other = vocabulary.SERVICES[number % len(vocabulary.SERVICES)]
        message = pattern.replace("{n}", str(number)).replace("{s}", other)
        trace = _uuid(draws.trace_highs[event], draws.trace_lows[event])
        tally.levels[level.upper()] += 1
        if "timeout" in message:
            tally.timeouts.append(draws.times[event])
        if not tally.traces:  # one of each chunk
            tally.traces.append((draws.times[event], trace))
        render = self._logfmt if kind == _LOGFMT else self._plain
        return self._wrapped(event, render(event, level, message, trace), vocabulary.APP_FILES[number % 3])

    def _logfmt(self, event: int, level: str, message: str, trace: str) -> str:
        number, service = self._draws.numbers[event], vocabulary.SERVICES[self._draws.services[event]]
        return (
            f'ts={self._stamp(event)} level={level} service={service} msg=\\"{message}\\" trace_id={trace} '
            f"user_id={number * 7} attempt={number % 4} duration_ms={self._draws.response_times[event]} "
            f"region=eu-west-{number % 3} pod={service}-7d9f{number:04x}-x{number % 97:02d}"
        )

    def _plain(self, event: int, level: str, message: str, trace: str) -> str:
        number, service = self._draws.numbers[event], vocabulary.SERVICES[self._draws.services[event]]
        stamp = f"{self._iso.replace('T', ' ')}.{self._draws.times[event] % 1000:03d}"
        line = f"[{stamp}] production.{level}: {message} request_id={trace} service={service}"
        if level != "ERROR":
            return line
        files = vocabulary.TRACE_FILES
        frames = (
            f"\\n#{depth} /srv/{files[(number + depth) % len(files)]}({number % 400 + depth}): call()"
            for depth in range(3 + number % 4)
        )
        return line + "".join(frames)

    def _wrapped(self, event: int, line: str, filename: str) -> str:
        return f'{{"timestamp":"{self._stamp(event)}","log":"{line}","filename":"{filename}"}}'

    def _address(self, event: int) -> str:
        number = self._draws.addresses[event]
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def _agent(self, event: int) -> str:
        draws, words = self._draws, self._words
        if draws.is_crawler[event]:
            return words.crawlers[draws.crawlers[event]]
        return words.people[draws.people[event]]


def _uuid(high: int, low: int) -> str:
    digits = f"{high:016x}{low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

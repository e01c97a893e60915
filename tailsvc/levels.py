"""One table for the names of log levels, for what is stored and for what is asked."""

from tailsvc.folding import upper

_ALIASES = {
    "WARNING": "WARN",
    "WRN": "WARN",
    "ERR": "ERROR",
    "EROR": "ERROR",
    "SEVERE": "ERROR",
    "INFORMATION": "INFO",
    "INFORMATIONAL": "INFO",
    "INF": "INFO",
    "DBG": "DEBUG",
    "FINE": "DEBUG",
    "TRC": "TRACE",
    "VERBOSE": "TRACE",
    "CRIT": "CRITICAL",
    "FTL": "FATAL",
    "EMERG": "EMERGENCY",
}


USUAL_LEVELS = frozenset({*_ALIASES.values(), "NOTICE", "ALERT", "PANIC"})


def normalise_level(text: str) -> str:
    """A level's one spelling: upper case, `warning` as WARN, `err` as ERROR; unknown names are only upper-cased."""
    name = upper(text.strip())
    return _ALIASES.get(name, name)

"""The query language: what people type, as a filter. `status:>=500 path:/api/* "timeout" NOT level:debug`.

`words` splits the text, `parser` knows AND, OR, NOT and parentheses, `terms` what one term says about a field. It adds
no meaning of its own: every term is a clause as `filters` reads it.
"""

from tailsvc.query_language.highlights import places, searched_texts
from tailsvc.query_language.parser import parse_query

__all__ = ["parse_query", "places", "searched_texts"]

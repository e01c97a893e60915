"""One page for one stream: search, look, scroll, follow.

All that a person chose is in the page's address (`search`: window, query, filters, columns), so every part of the page
is a function of that text: `rows`, `facets`, `histogram`, `lines` and `live` take the same query string. Links are made
by the server, from a search that is changed a little; so what a click means is said, and tested, in one place.
`log_text` is the only way by which what strangers wrote gets into a page.
"""

"""The pages for people: search, follow and administer logs in a browser.

How a page is made: `pages.TeamPage` finds the caller of the session and the team of the path, checks the ability and
opens the team's scope; the view asks the same services as the API and renders a template. Nothing is computed here that
the API could not be asked for. Parts that change while one looks on are templates too, fetched by htmx; the scripts in
`static/console` are modules without a build step, checked by `make check`. `middleware` states what a page may load.
"""

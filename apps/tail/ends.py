"""Why a follower ends. Each dialect says it in its own form."""

from tailsvc.errors import FilterTooCostly


class Ended(Exception):
    """`reason` is for programs, the text for people."""

    reason = "ended"


class StreamDeleted(Ended):
    reason = "stream_deleted"

    def __init__(self) -> None:
        super().__init__("The stream was deleted.")


class RightsEnded(Ended):
    reason = "rights_ended"

    def __init__(self) -> None:
        super().__init__(
            "You may not read this stream any more: the token was revoked or has expired, the log-in is over, or the"
            " role changed."
        )


class ClientGone(Ended):
    reason = "client_gone"


class TooSlow(Ended):
    reason = "too_slow"

    def __init__(self) -> None:
        super().__init__("The client did not read what it was sent.")


class TooCostly(Ended):
    """The text is the engine's."""

    reason = "filter_too_costly"

    def __init__(self, error: FilterTooCostly) -> None:
        super().__init__(str(error))


class ServerStopping(Ended):
    reason = "server_stopping"

    def __init__(self) -> None:
        super().__init__("The server is being stopped; connect again.")


class Interruption:
    """For who does not wait, and asks now and then whether to go on."""

    def __init__(self) -> None:
        self._reason: Exception | None = None

    def end(self, reason: Exception) -> None:
        self._reason = reason

    def check(self) -> None:
        """Raises Ended."""
        if self._reason is not None:
            raise self._reason

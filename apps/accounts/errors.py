"""What services refuse. They know no HTTP; `api` turns these into a 422 or a 404."""


class RuleBroken(Exception):
    """What was asked breaks a rule. `field` names the input at fault; `str()` is a sentence for the client."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class PlanMismatch(RuleBroken):
    """The team exists, on another plan than the one that was named."""

    def __init__(self, slug: str, actual: str, wanted: str) -> None:
        super().__init__("plan", f"Team {slug} is on plan {actual}, not {wanted}.")


class NotThere(Exception):
    """The thing does not exist, or not for this team; nobody is told which. `str()` is the kind of thing."""

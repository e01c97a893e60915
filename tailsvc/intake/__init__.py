"""The one way in: requests of many clients become few commits, each acknowledged after its own.

Every entrance (HTTP ingest now, collectors later) hands its batches to `Intake`.
"""

from tailsvc.intake.group_commit import Intake, IntakeFull

__all__ = ["Intake", "IntakeFull"]

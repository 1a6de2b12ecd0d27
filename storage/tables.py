"""Every bookkeeping table under one name, as the other files of this room read and write them.

They stand in four files, by what they are of; `mirror_tables.py` has the mirrored resources. A change there needs a
migration (a test compares the two).
"""

from __future__ import annotations

from storage.delivery_tables import AttemptRow, DeliveryRow, NoticeRow, PointRow, ReaderRow
from storage.process_tables import (
    ActionRow,
    BudgetRow,
    InstallationRow,
    LeaseRow,
    PermitRow,
    PreparedRow,
    ProcessRow,
    TallyRow,
    TokenRow,
)
from storage.record_tables import KeptRow, SealRow, TileRow, VerificationRow
from storage.scan_tables import (
    CadenceRow,
    ChangeRow,
    ComparedRow,
    GenerationRow,
    PageRow,
    ResourceRow,
    ScanRow,
    SeenRow,
    SlotRow,
    SuspectRow,
)

__all__ = [
    "ActionRow",
    "AttemptRow",
    "BudgetRow",
    "CadenceRow",
    "ChangeRow",
    "ComparedRow",
    "DeliveryRow",
    "GenerationRow",
    "InstallationRow",
    "KeptRow",
    "LeaseRow",
    "NoticeRow",
    "PageRow",
    "PermitRow",
    "PointRow",
    "PreparedRow",
    "ProcessRow",
    "ReaderRow",
    "ResourceRow",
    "ScanRow",
    "SealRow",
    "SeenRow",
    "SlotRow",
    "SuspectRow",
    "TallyRow",
    "TileRow",
    "TokenRow",
    "VerificationRow",
]

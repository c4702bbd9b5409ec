"""Which of two models answers whom, so that a person meets the same one as long as both are in production.

An app may say who asks, by a string that means something to it alone. That subject is hashed with a salt of its own for
every rollout into one of a thousand groups, and groups are dealt to the two models: the first ones to the challenger,
as many as it is to have. So nobody changes sides while its share stays, those who have met it keep it when the share
grows, and who meets it in one rollout says nothing of the next. Neither subject nor hash is kept, the group is: many
people share one.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, Field

GROUPS = 1000
_PER_PERCENT = GROUPS // 100


class Split(BaseModel):
    """Two models in production, and how requests are split between them.

    Attributes:
        salt: of this rollout alone.
        champion: the champion's variant.
        challenger: the challenger's.
        percent: of the groups, to the challenger; 0 while the two come or go, and nobody is dealt to either.
    """

    model_config = ConfigDict(frozen=True)

    salt: str
    champion: str
    challenger: str
    percent: int = Field(ge=0, lt=100)

    def find_group(self, subject: str) -> int | None:
        """The group of a subject, from 0 on, each as likely as any other; None while nobody is dealt.

        What is answered then would count for the champion alone, and make a split look uneven.
        """
        if self.percent == 0:
            return None
        digest = hashlib.sha256(f"{self.salt}\0{subject}".encode()).digest()
        # The error of the remainder, a thousand of 2⁶⁴, shows nowhere.
        return int.from_bytes(digest[:8], "big") % GROUPS

    def pick(self, group: int | None) -> str:
        """The variant that answers a group; the champion answers who has none."""
        dealt = group is not None and belongs_to_challenger(group, percent=self.percent)
        return self.challenger if dealt else self.champion


def belongs_to_challenger(group: int, *, percent: int) -> bool:
    """Whether a group is one of the challenger's, at its share of the groups."""
    return group < percent * _PER_PERCENT

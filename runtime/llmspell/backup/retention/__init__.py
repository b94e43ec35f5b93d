"""Which backups stay and which go.

A policy is given what there is and the time, and says what to keep; a plan adds what may not go
whatever the policy says, and the order of removal; ``prune`` does it.
"""

from llmspell.backup.retention.combining import AllOf, AnyOf, Custom
from llmspell.backup.retention.importance import ImportanceBased
from llmspell.backup.retention.plan import RetentionPlan, Verdict, plan_retention
from llmspell.backup.retention.policies import CountBased, RetentionPolicy, SizeBased, TimeBased
from llmspell.backup.retention.pruning import NotRemoved, RetentionResult, prune
from llmspell.backup.retention.tables import policy_of

__all__ = [
    "AllOf",
    "AnyOf",
    "CountBased",
    "Custom",
    "ImportanceBased",
    "NotRemoved",
    "RetentionPlan",
    "RetentionPolicy",
    "RetentionResult",
    "SizeBased",
    "TimeBased",
    "Verdict",
    "plan_retention",
    "policy_of",
    "prune",
]

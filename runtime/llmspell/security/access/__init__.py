"""Who may do what in which scope: grants, roles, conditions, and the decision."""

from llmspell.security.access.conditions import CustomFunctions
from llmspell.security.access.control import ANONYMOUS, AccessControl, GrantSource
from llmspell.security.access.decision import Considered, Decision
from llmspell.security.access.grant import Grant
from llmspell.security.access.pattern import WHOLE_STORE
from llmspell.security.access.permission import Permission
from llmspell.security.access.policy import Policy
from llmspell.security.access.request import Request

__all__ = [
    "ANONYMOUS",
    "WHOLE_STORE",
    "AccessControl",
    "Considered",
    "CustomFunctions",
    "Decision",
    "Grant",
    "GrantSource",
    "Permission",
    "Policy",
    "Request",
]

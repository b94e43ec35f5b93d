"""Checks before a value is kept: bounds, JSON Schemas, state machines and verifiers."""

from __future__ import annotations

from llmspell.security.validation.candidate import Candidate, Problem
from llmspell.security.validation.external import ExternalBounds
from llmspell.security.validation.rule import Rule, Where
from llmspell.security.validation.transitions import Transitions
from llmspell.security.validation.validator import UNCHECKED_CLASSES, Validator
from llmspell.security.validation.verifiers import Verifier

__all__ = [
    "UNCHECKED_CLASSES",
    "Candidate",
    "ExternalBounds",
    "Problem",
    "Rule",
    "Transitions",
    "Validator",
    "Verifier",
    "Where",
]

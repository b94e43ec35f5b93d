"""Values, paths and steps for the tests of transforms."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from llmspell.migration import MigrationStep
from llmspell.migration.compiling import CompiledStep, compile_step
from llmspell.migration.transformers import TRANSFORMERS
from llmspell.schema.functions import Functions
from llmspell.schema.validators import VALIDATORS

__all__ = ["LAW", "NAMES", "SECRET", "compiled", "functions", "maps", "step_of", "values"]

#: A busy machine is slow, and no law is broken by that.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SECRET = "s3cr3t-value"
NAMES = ["a", "b", "c", "d"]

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(-2, 2)
    | st.just(SECRET)
    | st.text(max_size=3)
)
values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4)
    ),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)


def functions(**registered: Any) -> Functions:
    return Functions("transformer", TRANSFORMERS, registered)


def step_of(*transforms: Any, **more: Any) -> MigrationStep:
    return MigrationStep(
        schema="thing",
        from_version=1,
        to_version=2,
        name="test",
        transformations=transforms,
        **more,
    )


def compiled(
    *transforms: Any, validators: Any = None, transformers: Any = None, **more: Any
) -> CompiledStep:
    return compile_step(
        step_of(*transforms, **more),
        transformers=functions(**(transformers or {})),
        validators=Functions("validator", VALIDATORS, validators or {}),
    )

"""Check values before they are kept: a JSON Schema, a state machine and a function.

    python examples/python/validation.py

The example keeps its values in memory. The rules could as well stand in a configuration file,
where a verifier is a script; docs/validation.md shows both.
"""

from llmspell import Runtime, load_config
from llmspell.errors import ScriptError, ValidationFailed
from llmspell.security.validation import Candidate, Verifier

ORDER = {
    "type": "object",
    "required": ["status", "items"],
    "properties": {
        "items": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "total": {"type": "number", "minimum": 0},
    },
}
STATES = {
    "draft": ["ordered", "dropped"],
    "ordered": ["shipped", "dropped"],
}


def keeps_its_total(candidate: Candidate) -> str | None:
    """Refuse another price once an order stands."""
    former = candidate.former
    if former and former["status"] != "draft" and former["total"] != candidate.value["total"]:
        return "the total of an order that stands does not change"
    return None


CONFIG = load_config(
    environ={},
    overrides={
        "state.backend": "memory",
        "state.validation.schemas": [{"scope": "order:*", "inline": ORDER}],
        "state.validation.transitions": [
            {
                "scope": "order:*",
                "field": "status",
                "initial": ["draft"],
                "allowed": STATES,
                "terminal": ["shipped", "dropped"],
                "keep": True,
            }
        ],
    },
)

SCRIPT = """
local function try(what, ...)
  local ok, problem = pcall(State.update, "order:7", "order", ...)
  print(what .. ": " .. (ok and "kept" or problem.details.problems[1].message))
end
try("pay less", function(order) order.total = 1 return order end)
try("ship", function(order) order.status = "shipped" return order end)
try("ship again", function(order) order.status = "ordered" return order end)
"""


def main() -> None:
    """Follow an order from its draft to its end."""
    with Runtime(CONFIG, verifiers=[Verifier(keeps_its_total, scope="order:*")]) as runtime:
        state = runtime.state

        # The schema tells everything that is wrong at once.
        try:
            state.save("order:7", "order", {"status": "draft", "items": [], "total": -5})
        except ValidationFailed as error:
            for problem in error.details["problems"]:
                print(f"{problem['path']} {problem['message']}")

        # The state machine knows where an order begins and where it may go.
        order = {"status": "draft", "items": ["tea"], "total": 12}
        for status in ("shipped", "draft", "ordered"):
            try:
                state.save("order:7", "order", order | {"status": status})
                print(f"{status}: kept")
            except ValidationFailed as error:
                print(f"{status}: {error.details['problems'][0]['message']}")

        # The rules hold for scripts just the same.
        try:
            print(runtime.execute(SCRIPT, engine="lua").output, end="")
        except ScriptError as error:
            print(error)

        # What has ended is kept.
        try:
            state.delete("order:7", "order")
        except ValidationFailed as error:
            print(f"delete: {error.details['problems'][0]['message']}")


if __name__ == "__main__":
    main()

"""Say who may do what, run scripts as somebody, and see what they are refused.

python examples/python/access_control.py
"""

from datetime import UTC, datetime, timedelta

from llmspell import Runtime, ScriptError, acting
from llmspell.config import Config
from llmspell.errors import AccessDenied

CONFIG = {
    "backend": "memory",
    "security": {"access_control_enabled": True},
    "access": {
        "roles": {"support": {"grants": [{"scope": "user:*", "permission": "read"}]}},
        "actors": {
            "agent:helper": {"roles": ["support"]},
            "admin": {"grants": [{"scope": "*", "permission": "admin"}]},
        },
    },
}


def main() -> None:
    with Runtime(Config(state=CONFIG)) as runtime:
        state = runtime.state
        with acting("admin"):
            state.save("user:42", "name", "Ada")

        # A script acts as whoever runs it, and cannot become anybody else.
        read = "return State.load('user:42', 'name')"
        print("the helper reads:", runtime.execute(read, engine="lua", actor="agent:helper").value)
        try:
            runtime.execute("State.clear('user:42')", engine="lua", actor="agent:helper")
        except ScriptError as error:
            print(f"{error.code}:", error.message)

        # A grant for a while. This program acts as nobody, so it is the operator.
        soon = datetime.now(UTC) + timedelta(hours=1)
        grant = state.grant("agent:helper", "write", "user:42", until=soon, granted_by="the demo")
        with acting("agent:helper"):
            state.save("user:42", "note", "called back")
        print("with grant", grant.id, "the helper writes, too")

        # Why may somebody do something, or not?
        decision = state.explain("agent:helper", "delete", "user:42")
        print("may he delete?", "yes" if decision.allowed else f"no: {decision.missing} is missing")
        for answer in decision.considered:
            print(f"  {answer.grant.id}: {answer.reason or 'permits it'}")

        state.revoke(grant.id)
        with acting("agent:helper"):
            try:
                state.save("user:42", "note", "again")
            except AccessDenied as error:
                print(error.message)


if __name__ == "__main__":
    main()

"""A scripted day of people's actions, and what of it is in the audit log."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import PlanStatus, UserRole
from tests.dash_app.planning.plans import a_plan

PASSWORD = "four words not together"
PERSONAL = ("Zacharias", "Quill", "zq@example.com", PASSWORD, "hunter22")
"""What people type that must not be in the audit log."""
Entry = tuple[str, str, str]


class ScriptedDay:
    """Acts as four people, and notes of each action what the audit log should say: who, what, how it ended."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.expected: list[Entry] = []
        users = folder.parent / "users-of-the-day"
        for role in UserRole:
            set_password(users, f"a-{role}", PASSWORD, role)
        app = create_app(Settings(warehouse=folder, users_file=users))
        self.clients: dict[UserRole, FlaskClient] = {role: app.server.test_client() for role in UserRole}
        self.roadmap = Roadmap(folder)
        self.numbers = itertools.count()

    def act(self, times: int) -> None:
        """Sign everybody in, then do `times` things in all, in random order."""
        for role in UserRole:
            self._sign_in(role)
        kinds: list[Callable[[UserRole], None]] = [
            self._sign_in,
            self._mistype,
            self._misname,
            self._export,
            self._upload,
            self._plan,
            self._name,
            self._token,
            self._overreach,
            self._come_with_forged_token,
        ]
        while len(self.expected) < times:
            self.rng.choice(kinds)(self.rng.choice(list(UserRole)))
        del self.expected[times:]

    def _note(self, user: str, action: str, outcome: str = "done") -> None:
        self.expected.append((user, action, outcome))

    def _sign_in(self, role: UserRole) -> None:
        self.clients[role].post("/sign-in", data={"name": f"a-{role}", "password": PASSWORD})
        self._note(f"a-{role}", "sign_in")

    def _mistype(self, role: UserRole) -> None:
        # An address each time, so that nobody waits: the log is what is looked at here.
        address = {"REMOTE_ADDR": f"10.2.{next(self.numbers)}.1"}
        fields = {"name": f"a-{role}", "password": "hunter22"}
        self.clients[role].post("/sign-in", data=fields, environ_base=address)
        self._note(f"a-{role}", "sign_in", "failed")

    def _misname(self, role: UserRole) -> None:
        address = {"REMOTE_ADDR": f"10.3.{next(self.numbers)}.1"}
        fields = {"name": f"Zacharias Quill {next(self.numbers)}", "password": PASSWORD}
        self.clients[role].post("/sign-in", data=fields, environ_base=address)
        self._note("", "sign_in", "failed")

    def _export(self, role: UserRole) -> None:
        self.clients[role].get("/export/roadmap.csv?for=Zacharias")
        self._note(f"a-{role}", "export")

    def _upload(self, _: UserRole) -> None:
        client = self.clients[UserRole.OPERATOR]
        token = client.post("/uploads", json={"name": "Zacharias Quill.csv", "size": 3}).get_json()["token"]
        client.put(f"/uploads/{token}", data=b"a,b")
        self._note("a-operator", "upload")

    def _plan(self, _: UserRole) -> None:
        self._as(UserRole.PLANNER)
        plan = self.roadmap.add(a_plan(plan_id=f"plan-{next(self.numbers):012x}", name="For Quill"), "a-planner")
        self._note("a-planner", "plan")
        self._as(UserRole.PLANNER)
        self.roadmap.move(plan.plan_id, PlanStatus.ARCHIVED, 1.0, "a-planner")
        self._note("a-planner", "plan")

    def _name(self, _: UserRole) -> None:
        self._as(UserRole.PLANNER)
        self.roadmap.rename_cluster("C01", f"Quill's {next(self.numbers)}", "a-planner")
        self._note("a-planner", "name")

    def _token(self, role: UserRole) -> None:
        name = f"t{next(self.numbers)}"
        fields = {"what": "token", "name": name, "scope": "read", "days": "1", "old": PASSWORD}
        self.clients[role].post("/account", data=fields)
        self._note(f"a-{role}", "token")
        self.clients[role].post("/account", data={"what": "revoke", "token": name})
        self._note(f"a-{role}", "token")

    def _overreach(self, _: UserRole) -> None:
        self.clients[UserRole.VIEWER].post("/uploads", json={"name": "zq@example.com.csv", "size": 3})
        self._note("a-viewer", "ask", "refused")

    def _come_with_forged_token(self, role: UserRole) -> None:
        self.clients[role].get("/export/roadmap.csv", headers={"Authorization": "Bearer Zacharias"})
        self._note("", "token", "failed")

    def _as(self, role: UserRole) -> None:
        """What a callback does goes straight to the roadmap here, in the name of whom a request would name."""
        audit_log.act_as(audit_log.Actor(f"a-{role}", role, "127.0.0.1", "app"))


def missing_and_personal(folder: Path, times: int, seed: int) -> tuple[list[str], list[str]]:
    """Actions of a day that are not in the log, and personal values that are."""
    day = ScriptedDay(folder, seed)
    day.act(times)
    found = Counter(audit_log.query(folder, "SELECT user_name, action, outcome FROM audit_log").fetchall())
    missing = Counter(day.expected) - found
    text = "".join(file.read_text(encoding="utf-8") for file in sorted((folder / "audit").iterdir()))
    personal = [f"the audit log holds {value!r}" for value in PERSONAL if value in text]
    return [f"not in the audit log: {each}" for each in missing.elements()], personal

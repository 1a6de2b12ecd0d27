"""A morning in a Back Office, told in sentences and done step by step; the demo plays it over the control API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox import endpoints
from sandbox.endpoints.products import CURRENCIES, PRODUCTS
from sandbox.endpoints.services import SERVICES
from sandbox.fields import Json
from sandbox.world import Effect, World

NOTES = PRODUCTS + "/{productId}/preferences"
CONNECTIONS = "/api/v2/connections"


@dataclass(frozen=True, slots=True)
class Step:
    """What is told, and what is done."""

    sentence: str  #: may name the caption of a record in braces: {products/3}
    act: Callable[[World], list[Effect]]


def _update(path: str, *keys: str, **changes: Json) -> Callable[[World], list[Effect]]:
    return lambda world: world.update(endpoints.BY_PATH[path], keys[:-1], keys[-1], changes)


def _create(path: str, *parents: str, **document: Json) -> Callable[[World], list[Effect]]:
    return lambda world: world.create(endpoints.BY_PATH[path], parents, document)


def _delete(path: str, *keys: str) -> Callable[[World], list[Effect]]:
    return lambda world: world.delete(endpoints.BY_PATH[path], keys[:-1], keys[-1])


def _restore(path: str, *keys: str) -> Callable[[World], list[Effect]]:
    return lambda world: world.restore(endpoints.BY_PATH[path], keys[:-1], keys[-1])


def _rotate(world: World) -> list[Effect]:
    endpoint = endpoints.BY_PATH[CONNECTIONS]
    options = world.table(endpoint).document("1")["providerOptions"]
    return world.update(endpoint, (), "1", {"providerOptions": {**options, "password": "correct-horse-battery"}})


def _note(world: World) -> list[Effect]:
    """The first note there is, whichever product has it."""
    for table in world.tables(endpoints.BY_PATH[NOTES]):
        for key in list(table.shown()):
            return world.delete(table.endpoint, table.parents, key)
    return []


STEPS = (
    Step("{products/3} is switched off for the weekend.", _update(PRODUCTS, "3", status="disabled")),
    Step("{products/1} now allows a leverage of up to 1:500.",
         _update(PRODUCTS, "1", leverages=[1, 50, 100, 500], defaultLeverage=100)),
    Step("Swiss francs are added to {products/1}.",
         _create(CURRENCIES, "1", numericCode=756, alphabeticCode="CHF", caption="CHF", isEnabled=True)),
    Step("The password of {connections/1} is rotated.", _rotate),
    Step("{subscriptions/services/2} is renamed to Priority support.",
         _update(SERVICES, "2", name="Priority support", fullName="Priority support around the clock")),
    Step("A product note that nobody read is deleted.", _note),
    Step("{products/5} is deleted, and its currencies, notes and restrictions go with it.", _delete(PRODUCTS, "5")),
    Step("A new product arrives: MT5 Zero.",
         _create(PRODUCTS, name="mt5_zero", caption="MT5 Zero", type="trade", status="present")),
    Step("The pass mark of {quizzes/1} is raised.", _update("/api/v2/quizzes", "1", passScore=95)),
    Step("Somebody moves {menus/2} to the top of the menu.", _update("/api/v2/menus", "2", parentId=None, priority=99)),
    Step("Visitors from one more address are denied.",
         _create("/api/v2/security/policies", ip="203.0.113.7", permission="deny", active=True)),
    Step("SMSAero is no longer offered for text messages.",
         _delete("/api/v2/confirmations/providers/types", "SMSAero")),
    Step("Deleting {products/5} was a mistake: it returns with all that belonged to it.", _restore(PRODUCTS, "5")),
    Step("{products/3} is switched on again.", _update(PRODUCTS, "3", status="enabled")),
)  # fmt: skip


class Story:
    """The script in one world, told in the names that things had when it began."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sentences: list[str] = []
        self._next = 1

    def sentences(self) -> list[str]:
        self._sentences = self._sentences or [self._told(step.sentence) for step in STEPS]
        return self._sentences

    def play(self, which: str) -> Json:
        """The step of that number, from 1, or `next`: its sentence and what it did; LookupError behind the end."""
        number = self._next if which == "next" else int(which)
        if not 1 <= number <= len(STEPS):
            raise ValueError(f"the story has {len(STEPS)} steps")
        sentence = self.sentences()[number - 1]
        self._next = number + 1
        effects = [effect.to_json() for effect in STEPS[number - 1].act(self._world)]
        return {"step": number, "of": len(STEPS), "sentence": sentence, "effects": effects}

    def _told(self, sentence: str) -> str:
        before, brace, rest = sentence.partition("{")
        if not brace:
            return sentence
        name, _, after = rest.partition("}")
        path, _, key = f"/api/v2/{name}".rpartition("/")
        document = self._world.table(endpoints.BY_PATH[path]).document(key)
        title = (document or {}).get("caption") or (document or {}).get("name") or name
        return before + title + after
